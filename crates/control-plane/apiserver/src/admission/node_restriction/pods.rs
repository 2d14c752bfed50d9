//! Pods of a node: mirror pods are made by it, the others reported on and deleted.

use serde_json::Value;
use styr_meta::Status;

use super::Outcome;
use crate::admission::{items, text};
use crate::attributes::{AdmissionAttributes, Operation};
use crate::objects::Objects;

const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) fn check(
    attributes: &AdmissionAttributes<'_>,
    node: &str,
    objects: &dyn Objects,
) -> Result<Outcome, Status> {
    match (attributes.subresource, attributes.operation) {
        ("", Operation::Create) => create(attributes, node, objects),
        ("", Operation::Delete) => Ok(delete(attributes, node)),
        ("", operation) => Ok(Err(format!(
            "unexpected operation {:?}, node {node:?} can only create and delete mirror pods",
            operation.as_str()
        ))),
        ("status", Operation::Update) => Ok(status(attributes, node)),
        ("status", operation) => Ok(Err(format!(
            "unexpected operation {:?}",
            operation.as_str()
        ))),
        ("eviction", _) => Ok(evict(attributes, node, objects)),
        (other, _) => Ok(Err(format!(
            "unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed"
        ))),
    }
}

fn create(
    attributes: &AdmissionAttributes<'_>,
    node: &str,
    objects: &dyn Objects,
) -> Result<Outcome, Status> {
    let Some(pod) = attributes.object.as_deref() else {
        return Ok(Ok(()));
    };
    if pod["metadata"]["annotations"][MIRROR].is_null() {
        return Ok(Err(format!(
            "pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"
        )));
    }
    if pod["spec"]["nodeName"] != node {
        let why = format!("node {node:?} can only create pods with spec.nodeName set to itself");
        return Ok(Err(why));
    }
    if let Err(why) = owner(pod, node) {
        return Ok(Err(why));
    }
    let Some(stored) = objects.get("", "nodes", None, node) else {
        return Err(Status::not_found(("", "nodes"), node));
    };
    let (named, actual) = (
        text(&pod["metadata"]["ownerReferences"][0]["uid"]),
        text(&stored["metadata"]["uid"]),
    );
    if named != actual {
        return Ok(Err(format!(
            "node {node} UID mismatch: expected {named} got {actual}"
        )));
    }
    Ok(match referenced(pod) {
        Some(what) => Err(format!(
            "node {node:?} can not create pods that reference {what}"
        )),
        None => Ok(()),
    })
}

fn owner(pod: &Value, node: &str) -> Outcome {
    let owners: Vec<&Value> = items(&pod["metadata"]["ownerReferences"]).collect();
    let [owner] = owners.as_slice() else {
        let which = if owners.is_empty() { "an" } else { "a single" };
        return Err(format!(
            "node {node:?} can only create pods with {which} owner reference set to itself"
        ));
    };
    if owner["apiVersion"] != "v1" || owner["kind"] != "Node" || owner["name"] != node {
        return Err(format!(
            "node {node:?} can only create pods with an owner reference set to itself"
        ));
    }
    if owner["controller"] != true {
        return Err(format!(
            "node {node:?} can only create pods with a controller owner reference set to itself"
        ));
    }
    if owner["blockOwnerDeletion"] == true {
        return Err(format!(
            "node {node:?} must not set blockOwnerDeletion on an owner reference"
        ));
    }
    Ok(())
}

/// Mirror pods are made of files, so they must lead to nothing in the cluster.
fn referenced(pod: &Value) -> Option<&'static str> {
    let spec = &pod["spec"];
    if !text(&spec["serviceAccountName"]).is_empty() {
        return Some("serviceaccounts");
    }
    if crate::authorization::references_secrets(pod) {
        return Some("secrets");
    }
    if crate::authorization::references_config_maps(pod) {
        return Some("configmaps");
    }
    if items(&spec["resourceClaims"]).next().is_some() {
        return Some("resourceclaims");
    }
    items(&spec["volumes"]).find_map(|volume| {
        let kinds = [
            ("csi", "csidrivers (via CSI volumes)"),
            ("glusterfs", "endpoints (via glusterFS volumes)"),
            ("persistentVolumeClaim", "persistentvolumeclaims"),
            (
                "ephemeral",
                "persistentvolumeclaims (via ephemeral volumes)",
            ),
        ];
        let direct = kinds
            .into_iter()
            .find(|(field, _)| !volume[*field].is_null());
        direct
            .map(|(_, what)| what)
            .or_else(|| projected(&volume["projected"]["sources"]))
    })
}

fn projected(sources: &Value) -> Option<&'static str> {
    let kinds = [
        (
            "serviceAccountToken",
            "serviceaccounts (via projected volumes)",
        ),
        ("clusterTrustBundle", "clustertrustbundles"),
        ("podCertificate", "podcertificates"),
    ];
    items(sources).find_map(|source| {
        kinds
            .into_iter()
            .find(|(field, _)| !source[*field].is_null())
            .map(|(_, what)| what)
    })
}

fn delete(attributes: &AdmissionAttributes<'_>, node: &str) -> Outcome {
    if attributes
        .old_object
        .is_some_and(|pod| pod["spec"]["nodeName"] == node)
    {
        return Ok(());
    }
    Err(format!(
        "node {node:?} can only delete pods with spec.nodeName set to itself"
    ))
}

fn evict(attributes: &AdmissionAttributes<'_>, node: &str, objects: &dyn Objects) -> Outcome {
    let pod = objects.get("", "pods", Some(attributes.namespace), attributes.name);
    if pod.is_some_and(|pod| pod["spec"]["nodeName"] == node) {
        return Ok(());
    }
    Err(format!(
        "node {node} can only evict pods with spec.nodeName set to itself"
    ))
}

fn status(attributes: &AdmissionAttributes<'_>, node: &str) -> Outcome {
    let (Some(new), Some(old)) = (attributes.object.as_deref(), attributes.old_object) else {
        return Ok(());
    };
    if old["spec"]["nodeName"] != node {
        return Err(format!(
            "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
        ));
    }
    if new["metadata"]["labels"] != old["metadata"]["labels"] {
        return Err(format!(
            "node {node:?} cannot update labels through pod status"
        ));
    }
    let kept = [
        ("resourceClaimStatuses", "resource claim statues"),
        (
            "extendedResourceClaimStatus",
            "extended resource claim status",
        ),
        (
            "nodeAllocatableResourceClaimStatuses",
            "node allocatable resource claim statuses",
        ),
    ];
    for (field, what) in kept {
        if new["status"][field] != old["status"][field] {
            return Err(format!("node {node:?} cannot update {what}"));
        }
    }
    Ok(())
}
