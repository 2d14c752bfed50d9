//! `NodeRestriction`: how far the writes of a node reach: itself, its pods, its lease, its tokens.
//!
//! See <https://kubernetes.io/docs/reference/access-authn-authz/node/>.

mod nodes;
mod pods;
mod tokens;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_meta::Status;

use super::{Parts, forbidden, signers, text};
use crate::attributes::{Admission, AdmissionAttributes, Authorizer, Operation};
use crate::authorization::node_of;
use crate::objects::Objects;

const NODES: &str = "system:nodes";
const LEASES: &str = "kube-node-lease";
const SIGNERS: [&str; 2] = [
    "kubernetes.io/kubelet-serving",
    "kubernetes.io/kube-apiserver-client-kubelet",
];

#[derive(Debug)]
struct NodeRestriction {
    objects: Arc<dyn Objects>,
    authorizers: Vec<Arc<dyn Authorizer>>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(NodeRestriction {
        objects: Arc::clone(parts.objects),
        authorizers: parts.authorizers.to_vec(),
    })
}

#[async_trait]
impl Admission for NodeRestriction {
    fn handles(&self, operation: Operation) -> bool {
        operation != Operation::Connect
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        let attributes = &*attributes;
        let user = attributes.user;
        if !user.is_in(NODES) || !user.name.starts_with("system:node:") {
            return Ok(());
        }
        let Some(node) = node_of(user) else {
            let why = format!("could not determine node from user {:?}", user.name);
            return Err(forbidden(attributes, why));
        };
        let objects = self.objects.as_ref();
        let outcome = match (
            attributes.kind.group.as_str(),
            attributes.kind.plural.as_str(),
        ) {
            ("", "pods") => pods::check(attributes, node, objects)?,
            ("", "nodes") => nodes::check(attributes, node),
            ("", "persistentvolumeclaims") => claim(attributes, node),
            ("", "serviceaccounts") => {
                tokens::check(attributes, node, (objects, &self.authorizers)).await?
            }
            ("coordination.k8s.io", "leases") => lease(attributes, node),
            ("storage.k8s.io", "csinodes") => csi_node(attributes, node),
            ("resource.k8s.io", "resourceslices") => resource_slice(attributes, node),
            (signers::GROUP, signers::REQUESTS) => signing_request(attributes, node),
            _ => Ok(()),
        };
        outcome.map_err(|why| forbidden(attributes, why))
    }
}

/// What is wrong with a write.
type Outcome = Result<(), String>;

fn new_name<'a>(attributes: &'a AdmissionAttributes<'_>) -> &'a str {
    match attributes.object.as_deref() {
        Some(object) if attributes.operation == Operation::Create => {
            text(&object["metadata"]["name"])
        }
        _ => attributes.name,
    }
}

fn lease(attributes: &AdmissionAttributes<'_>, node: &str) -> Outcome {
    if attributes.namespace != LEASES {
        return Err(format!(
            "can only access leases in the {LEASES:?} system namespace"
        ));
    }
    if new_name(attributes) != node {
        let why = "can only access node lease with the same name as the requesting node";
        return Err(why.to_owned());
    }
    Ok(())
}

fn csi_node(attributes: &AdmissionAttributes<'_>, node: &str) -> Outcome {
    if new_name(attributes) != node {
        let why = "can only access CSINode with the same name as the requesting node";
        return Err(why.to_owned());
    }
    Ok(())
}

fn resource_slice(attributes: &AdmissionAttributes<'_>, node: &str) -> Outcome {
    let (slice, verb) = match attributes.operation {
        Operation::Create => (attributes.object.as_deref(), "create"),
        Operation::Delete => (attributes.old_object, "delete"),
        _ => return Ok(()),
    };
    if slice.is_some_and(|slice| slice["spec"]["nodeName"] == node) {
        return Ok(());
    }
    Err(format!(
        "can only {verb} ResourceSlice with the same NodeName as the requesting node"
    ))
}

/// A node may say how far a claim has grown, and no more.
fn claim(attributes: &AdmissionAttributes<'_>, node: &str) -> Outcome {
    if attributes.subresource != "status" {
        return Err("may only update PVC status".to_owned());
    }
    let (Some(new), Some(old)) = (attributes.object.as_deref(), attributes.old_object) else {
        return Err(format!(
            "unexpected operation {:?}",
            attributes.operation.as_str()
        ));
    };
    if rest_of_claim(new) == rest_of_claim(old) {
        return Ok(());
    }
    Err(format!(
        "node {node:?} is not allowed to update fields other than status.quantity and \
         status.conditions"
    ))
}

/// A claim without the fields that nodes may write.
fn rest_of_claim(claim: &Value) -> Value {
    let mut rest = claim.clone();
    let fields = [
        ("metadata", &["resourceVersion", "managedFields"][..]),
        (
            "status",
            &[
                "capacity",
                "conditions",
                "allocatedResourceStatuses",
                "allocatedResources",
            ][..],
        ),
    ];
    for (part, names) in fields {
        let Some(part) = rest.get_mut(part).and_then(Value::as_object_mut) else {
            continue;
        };
        for name in names {
            part.remove(*name);
        }
    }
    rest
}

fn signing_request(attributes: &AdmissionAttributes<'_>, node: &str) -> Outcome {
    let Some(request) = attributes.object.as_deref() else {
        return Ok(());
    };
    let signer = text(&request["spec"]["signerName"]);
    if attributes.operation != Operation::Create || !SIGNERS.contains(&signer) {
        return Ok(());
    }
    let pem = signers::request_pem(request).unwrap_or_default();
    let subject =
        styr_pki::csr::subject(&pem).map_err(|error| format!("unable to parse csr: {error}"))?;
    if subject.common_name == format!("system:node:{node}") {
        return Ok(());
    }
    Err(format!(
        "can only create a node CSR with CN=system:node:{node}"
    ))
}

#[cfg(test)]
mod tests;
