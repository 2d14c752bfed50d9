//! Nodes may read what their pods refer to, and write about themselves.
//!
//! What is not bound to a pod comes from the rules of the role `system:node`; how far a node's
//! writes reach is checked by the admission plugin NodeRestriction.
//! See <https://kubernetes.io/docs/reference/access-authn-authz/node/>.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use serde_json::Value;

use super::references::References;
use super::rules::Rule;
use crate::attributes::{Attributes, Authorizer, Decision, RuleSummary, User};
use crate::objects::{Change, Objects};

/// Names of nodes' users begin so.
const PREFIX: &str = "system:node:";
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Pods by node, then by namespace and name.
type Pods = BTreeMap<String, BTreeMap<(String, String), References>>;

/// The authorizer.
#[derive(Debug)]
pub(super) struct Node {
    pods: Arc<RwLock<Pods>>,
    objects: Arc<dyn Objects>,
    rules: Vec<Rule>,
}

/// The name of the node that a user is.
pub(crate) fn node_of(user: &User) -> Option<&str> {
    let name = user.name.strip_prefix(PREFIX)?;
    (user.is_in("system:nodes") && !name.is_empty()).then_some(name)
}

impl Node {
    /// Follows pods.
    pub(super) fn new(objects: &Arc<dyn Objects>) -> Self {
        let pods: Arc<RwLock<Pods>> = Arc::default();
        let followed = Arc::clone(&pods);
        let observer = move |change: Change<'_>| {
            let mut pods = followed.write().expect("no holder of this lock panics");
            follow(&mut pods, change);
        };
        objects.subscribe("", "pods", Box::new(observer));
        let role = crate::bootstrap::object("ClusterRole", "system:node");
        let rules = role.as_ref().map(Rule::of_role).unwrap_or_default();
        Self {
            pods,
            objects: Arc::clone(objects),
            rules,
        }
    }

    /// Whether some pod of the node fits.
    fn any_pod(&self, node: &str, fits: impl Fn(&(String, String), &References) -> bool) -> bool {
        let pods = self.pods.read().expect("no holder of this lock panics");
        let Some(pods) = pods.get(node) else {
            return false;
        };
        pods.iter().any(|(key, references)| fits(key, references))
    }

    fn refers(
        &self,
        node: &str,
        attributes: &Attributes,
        has: impl Fn(&References, &str) -> bool,
    ) -> Decision {
        let reads = matches!(attributes.verb.as_str(), "get" | "list" | "watch");
        if !reads || !attributes.subresource.is_empty() {
            return no("can only read resources of this type");
        }
        if attributes.name.is_empty() {
            return no("No Object name found");
        }
        let found = self.any_pod(node, |(namespace, _), references| {
            *namespace == attributes.namespace && has(references, &attributes.name)
        });
        related(found, node)
    }

    fn volume(&self, node: &str, attributes: &Attributes) -> Decision {
        if attributes.verb != "get" || !attributes.subresource.is_empty() {
            return no("can only get individual resources of this type");
        }
        let volume = self
            .objects
            .get("", "persistentvolumes", None, &attributes.name)
            .unwrap_or_default();
        let claim = &volume["spec"]["claimRef"];
        let text = |field: &str| claim[field].as_str().unwrap_or_default();
        let found = self.any_pod(node, |(namespace, _), references| {
            namespace == text("namespace") && references.claims.contains(text("name"))
        });
        related(found, node)
    }

    fn token(&self, node: &str, attributes: &Attributes) -> Decision {
        if attributes.subresource.is_empty() {
            return match attributes.verb.as_str() {
                "get" | "list" | "watch" => self.by_rules(attributes),
                _ => no("can only create tokens for individual service accounts"),
            };
        }
        if attributes.verb != "create" || attributes.subresource != "token" {
            return no("can only create tokens for individual service accounts");
        }
        let found = self.any_pod(node, |(namespace, _), references| {
            *namespace == attributes.namespace && references.service_account == attributes.name
        });
        related(found, node)
    }

    fn own(&self, node: &str, attributes: &Attributes) -> Decision {
        let creates = attributes.verb == "create";
        if !creates && attributes.name != node {
            return no("can only access the object with the same name as the requesting node");
        }
        match attributes.verb.as_str() {
            "get" | "create" | "update" | "patch" | "delete" => Decision::Allow(String::new()),
            _ => no("can only get, create, update, patch, or delete a node lease"),
        }
    }

    fn nodes(&self, node: &str, attributes: &Attributes) -> Decision {
        let reads = matches!(attributes.verb.as_str(), "get" | "list" | "watch");
        if reads && attributes.name != node {
            return no("node can only read its own Node object");
        }
        self.by_rules(attributes)
    }

    fn pods(&self, node: &str, attributes: &Attributes) -> Decision {
        match attributes.verb.as_str() {
            "get" if attributes.subresource.is_empty() => {
                let found = self.any_pod(node, |(namespace, name), _| {
                    *namespace == attributes.namespace && *name == attributes.name
                });
                related(found, node)
            }
            "list" | "watch" if attributes.name.is_empty() => {
                let wanted = format!("spec.nodeName={node}");
                let selects = attributes
                    .field_selector
                    .split(',')
                    .any(|part| part == wanted);
                if selects {
                    self.by_rules(attributes)
                } else {
                    no("can only list/watch pods with spec.nodeName field selector")
                }
            }
            _ => self.by_rules(attributes),
        }
    }

    fn by_rules(&self, attributes: &Attributes) -> Decision {
        if self.rules.iter().any(|rule| rule.allows(attributes)) {
            return Decision::Allow(String::new());
        }
        no("")
    }
}

#[async_trait]
impl Authorizer for Node {
    async fn authorize(&self, attributes: &Attributes) -> Decision {
        let Some(node) = node_of(&attributes.user) else {
            return Decision::NoOpinion(String::new());
        };
        if !attributes.is_resource {
            return self.by_rules(attributes);
        }
        match (attributes.group.as_str(), attributes.resource.as_str()) {
            ("", "secrets") => self.refers(node, attributes, |it, name| it.secrets.contains(name)),
            ("", "configmaps") => {
                self.refers(node, attributes, |it, name| it.config_maps.contains(name))
            }
            ("", "persistentvolumeclaims") if attributes.subresource != "status" => {
                self.refers(node, attributes, |it, name| it.claims.contains(name))
            }
            ("", "persistentvolumes") => self.volume(node, attributes),
            ("", "serviceaccounts") => self.token(node, attributes),
            ("", "nodes") => self.nodes(node, attributes),
            ("", "pods") => self.pods(node, attributes),
            ("coordination.k8s.io", "leases") if attributes.namespace != "kube-node-lease" => {
                no("can only access leases in the \"kube-node-lease\" system namespace")
            }
            ("coordination.k8s.io", "leases") | ("storage.k8s.io", "csinodes") => {
                self.own(node, attributes)
            }
            _ => self.by_rules(attributes),
        }
    }

    fn rules_for(&self, user: &User, _: &str) -> RuleSummary {
        // What a node may do depends on its pods, so no list of rules would be right.
        RuleSummary {
            incomplete: node_of(user).is_some(),
            ..RuleSummary::default()
        }
    }
}

fn no(reason: &str) -> Decision {
    Decision::NoOpinion(reason.to_owned())
}

fn related(found: bool, node: &str) -> Decision {
    if found {
        return Decision::Allow(String::new());
    }
    Decision::NoOpinion(format!(
        "no relationship found between node '{node}' and this object"
    ))
}

fn follow(pods: &mut Pods, change: Change<'_>) {
    let (old, new) = match change {
        Change::Applied { old, new } => (old, Some(new)),
        Change::Deleted(last) => (Some(last), None),
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let key = |pod: &Value| {
        (
            text(&pod["metadata"]["namespace"]),
            text(&pod["metadata"]["name"]),
        )
    };
    if let Some(old) = old {
        let node = text(&old["spec"]["nodeName"]);
        if let Some(of_node) = pods.get_mut(&node) {
            of_node.remove(&key(old));
            if of_node.is_empty() {
                pods.remove(&node);
            }
        }
    }
    let Some(new) = new else { return };
    let node = text(&new["spec"]["nodeName"]);
    if node.is_empty() {
        return;
    }
    let is_mirror = !new["metadata"]["annotations"][MIRROR].is_null();
    // A node writes mirror pods itself, so what they refer to must not open anything.
    let references = if is_mirror {
        References::default()
    } else {
        References::of_pod(new)
    };
    pods.entry(node).or_default().insert(key(new), references);
}

#[cfg(test)]
mod tests;
