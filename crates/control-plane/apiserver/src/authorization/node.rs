//! Nodes may read what their pods refer to, and write about themselves.
//!
//! What is not subdivided comes from the rules of the role `system:node`; how far a node's writes
//! reach is checked by the admission plugin NodeRestriction.
//! See <https://kubernetes.io/docs/reference/access-authn-authz/node/>.

mod graph;
mod verbs;

use std::sync::Arc;

use async_trait::async_trait;

use super::rules::Rule;
use crate::attributes::{Attributes, Authorizer, Decision, RuleSummary, User};
use crate::objects::Objects;
use graph::{Graph, Vertex};

/// Names of nodes' users begin so.
const PREFIX: &str = "system:node:";
const LEASES: &str = "kube-node-lease";

/// The authorizer.
#[derive(Debug)]
pub(super) struct Node {
    graph: Graph,
    rules: Vec<Rule>,
}

/// The name of the node that a user is.
pub(crate) fn node_of(user: &User) -> Option<&str> {
    let name = user.name.strip_prefix(PREFIX)?;
    (user.is_in("system:nodes") && !name.is_empty()).then_some(name)
}

/// Allowed; or why not, which may be nothing worth saying.
type Answer = Result<(), String>;

impl Node {
    /// Follows pods.
    pub(super) fn new(objects: &Arc<dyn Objects>) -> Self {
        let role = crate::bootstrap::object("ClusterRole", "system:node");
        let rules = role.as_ref().map(Rule::of_role).unwrap_or_default();
        Self {
            graph: Graph::new(objects),
            rules,
        }
    }

    /// Access to resources that upstream subdivides; `None` for all others.
    fn subdivided(&self, node: &str, asked: &Attributes) -> Option<Answer> {
        Some(match (asked.group.as_str(), asked.resource.as_str()) {
            ("", "secrets") => self.read(node, Vertex::Secret, asked),
            ("", "configmaps") => self.read(node, Vertex::ConfigMap, asked),
            ("", "persistentvolumeclaims") if asked.subresource == "status" => {
                verbs::status_update(asked).and_then(|()| self.related(node, Vertex::Claim, asked))
            }
            ("", "persistentvolumeclaims") => self.get(node, Vertex::Claim, asked),
            ("", "persistentvolumes") => self.get(node, Vertex::Volume, asked),
            ("resource.k8s.io", "resourceclaims") => self.get(node, Vertex::ResourceClaim, asked),
            ("storage.k8s.io", "volumeattachments") => self.get(node, Vertex::Attachment, asked),
            ("", "serviceaccounts") => self.service_account(node, asked),
            ("coordination.k8s.io", "leases") => verbs::lease(node, asked),
            ("storage.k8s.io", "csinodes") => verbs::csi_node(node, asked),
            ("resource.k8s.io", "resourceslices") => self.resource_slice(node, asked),
            ("", "nodes") => verbs::node(node, asked),
            ("", "pods") => self.pod(node, asked),
            ("certificates.k8s.io", "podcertificaterequests") => {
                self.certificate_request(node, asked)
            }
            _ => return None,
        })
    }

    fn related(&self, node: &str, vertex: Vertex, asked: &Attributes) -> Answer {
        if asked.name.is_empty() {
            return Err("No Object name found".to_owned());
        }
        if self
            .graph
            .leads(node, vertex, (&asked.namespace, &asked.name))
        {
            return Ok(());
        }
        Err(format!(
            "no relationship found between node '{node}' and this object"
        ))
    }

    fn get(&self, node: &str, vertex: Vertex, asked: &Attributes) -> Answer {
        if asked.verb != "get" {
            return Err("can only get individual resources of this type".to_owned());
        }
        if !asked.subresource.is_empty() {
            return Err("cannot get subresource".to_owned());
        }
        self.related(node, vertex, asked)
    }

    fn read(&self, node: &str, vertex: Vertex, asked: &Attributes) -> Answer {
        if !verbs::is_read(asked) {
            return Err("can only read resources of this type".to_owned());
        }
        if !asked.subresource.is_empty() {
            return Err("cannot read subresource".to_owned());
        }
        if asked.namespace.is_empty() {
            return Err("can only read namespaced object of this type".to_owned());
        }
        self.related(node, vertex, asked)
    }

    fn service_account(&self, node: &str, asked: &Attributes) -> Answer {
        if asked.verb == "get" && asked.subresource.is_empty() {
            return self.read(node, Vertex::ServiceAccount, asked);
        }
        verbs::token(asked)?;
        self.related(node, Vertex::ServiceAccount, asked)
    }

    fn resource_slice(&self, node: &str, asked: &Attributes) -> Answer {
        if !asked.subresource.is_empty() {
            return Err("cannot authorize ResourceSlice subresources".to_owned());
        }
        match asked.verb.as_str() {
            "create" => Ok(()),
            "get" | "update" | "patch" | "delete" => {
                self.related(node, Vertex::ResourceSlice, asked)
            }
            "list" | "watch" | "deletecollection" if verbs::selects_node(node, asked) => Ok(()),
            "list" | "watch" | "deletecollection" => Err(
                "can only list/watch/deletecollection resourceslices with nodeName field selector"
                    .to_owned(),
            ),
            _ => Err(
                "only the following verbs are allowed for a ResourceSlice: get, watch, list, \
                 create, update, patch, delete, deletecollection"
                    .to_owned(),
            ),
        }
    }

    fn certificate_request(&self, node: &str, asked: &Attributes) -> Answer {
        if !asked.subresource.is_empty() {
            let why = "nodes may not access the status subresource of PodCertificateRequests";
            return Err(why.to_owned());
        }
        match asked.verb.as_str() {
            "create" => Ok(()),
            "get" => self.related(node, Vertex::CertificateRequest, asked),
            "list" | "watch" if verbs::selects_node(node, asked) => Ok(()),
            "list" | "watch" => {
                let why = "can only list/watch podcertificaterequests with nodeName field selector";
                Err(why.to_owned())
            }
            other => Err(format!("nodes may not {other} podcertificaterequests")),
        }
    }

    fn pod(&self, node: &str, asked: &Attributes) -> Answer {
        match (asked.subresource.as_str(), asked.verb.as_str()) {
            ("", "get") => self.related(node, Vertex::Pod, asked),
            ("", "list" | "watch") if verbs::selects_node(node, asked) => Ok(()),
            ("", "list" | "watch") if !asked.name.is_empty() => {
                self.related(node, Vertex::Pod, asked)
            }
            ("", "list" | "watch") => {
                Err("can only list/watch pods with spec.nodeName field selector".to_owned())
            }
            ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => {
                Ok(())
            }
            _ => Err(String::new()),
        }
    }
}

#[async_trait]
impl Authorizer for Node {
    async fn authorize(&self, attributes: &Attributes) -> Decision {
        let Some(node) = node_of(&attributes.user) else {
            return Decision::NoOpinion(String::new());
        };
        let subdivided = attributes
            .is_resource
            .then(|| self.subdivided(node, attributes));
        match subdivided.flatten() {
            Some(Ok(())) => Decision::Allow(String::new()),
            Some(Err(why)) if why.is_empty() => Decision::NoOpinion(why),
            Some(Err(why)) => Decision::NoOpinion(format!("node: {why}")),
            None if self.rules.iter().any(|rule| rule.allows(attributes)) => {
                Decision::Allow(String::new())
            }
            None => Decision::NoOpinion(String::new()),
        }
    }

    fn rules_for(&self, user: &User, _: &str) -> RuleSummary {
        if node_of(user).is_none() {
            return RuleSummary::default();
        }
        // What a node may do depends on its pods, so no list of rules would be right.
        RuleSummary {
            incomplete: true,
            evaluation_error: "node authorizer does not support user rule resolution".to_owned(),
            ..RuleSummary::default()
        }
    }
}

#[cfg(test)]
mod tests;
