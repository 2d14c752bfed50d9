//! Rules for pods, and for what may change while they live.

use std::net::IpAddr;

use serde_json::Value;
use styr_meta::FieldError;
use styr_meta::field::Path;

use crate::core::pod_template::validate::{self, Owner};
use crate::{metadata, numbers, tree};

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// What holds for new and for old pods.
fn whole(pod: &Value) -> Vec<FieldError> {
    let path = Path::root("spec");
    let mut errors = validate::spec(tree::at(pod, "spec"), &path, Owner::Pod);
    if tree::text(pod, "spec.serviceAccountName").is_empty() {
        for (index, volume) in tree::items(pod, "spec.volumes").iter().enumerate() {
            let at = path
                .child("volumes")
                .index(index)
                .child("projected")
                .child("sources");
            for (index, source) in tree::items(volume, "projected.sources").iter().enumerate() {
                if !tree::at(source, "serviceAccountToken").is_null() {
                    let text = "must not be specified when serviceAccountName is not set";
                    let at = at.index(index).child("serviceAccountToken");
                    errors.push(FieldError::forbidden(at, text));
                }
            }
        }
    }
    errors
}

pub(super) fn create(pod: &Value) -> Vec<FieldError> {
    let path = Path::root("spec");
    let mut errors = whole(pod);
    if !tree::items(pod, "spec.ephemeralContainers").is_empty() {
        let text = "cannot be set on create";
        errors.push(FieldError::forbidden(
            path.child("ephemeralContainers"),
            text,
        ));
    }
    if !tree::text(pod, "spec.nodeName").is_empty()
        && !tree::items(pod, "spec.schedulingGates").is_empty()
    {
        let text = "cannot be set until all schedulingGates have been cleared";
        errors.push(FieldError::forbidden(path.child("nodeName"), text));
    }
    errors
}

/// Little of a pod may change: images, the deadline, more tolerations, fewer gates.
pub(super) fn update(pod: &Value, old: &Value) -> Vec<FieldError> {
    let path = Path::root("spec");
    let mut errors = whole(pod);
    let finalizers = Path::root("metadata").child("finalizers");
    errors.extend(metadata::finalizers_of_builtin(pod, &finalizers));
    for list in ["containers", "initContainers"] {
        let (new, had) = (tree::at(pod, "spec"), tree::at(old, "spec"));
        if tree::items(new, list).len() != tree::items(had, list).len() {
            let text = "pod updates may not add or remove containers";
            errors.push(FieldError::forbidden(path.child(list), text));
            return errors;
        }
    }
    if !deadline(pod, old, &path, &mut errors) {
        return errors;
    }
    tolerations(pod, old, &path, &mut errors);
    let gates = tree::items(old, "spec.schedulingGates");
    for (index, gate) in tree::items(pod, "spec.schedulingGates").iter().enumerate() {
        if !gates.contains(gate) {
            let text = format!(
                "only deletion is allowed, but found new scheduling gate '{}'",
                tree::text(gate, "name")
            );
            errors.push(FieldError::forbidden(
                path.child("schedulingGates").index(index).child("name"),
                text,
            ));
        }
    }
    let new_spec = comparable(tree::at(pod, "spec"), tree::at(old, "spec"));
    if !tree::same(&new_spec, tree::at(old, "spec")) {
        let text = format!("pod updates may not change fields other than {UPDATABLE}");
        errors.push(FieldError::forbidden(&path, text));
    }
    errors
}

/// What a kubelet says of its pod.
pub(super) fn status(pod: &Value, old: &Value) -> Vec<FieldError> {
    let path = Path::root("status");
    let mut errors = Vec::new();
    numbers::count(
        tree::at(pod, "status"),
        &path,
        "observedGeneration",
        &mut errors,
    );
    if tree::text(pod, "status.qosClass") != tree::text(old, "status.qosClass") {
        let class = tree::at(pod, "status.qosClass").clone();
        errors.push(FieldError::invalid(
            path.child("qosClass"),
            class,
            "field is immutable",
        ));
    }
    for list in ["podIPs", "hostIPs"] {
        for (index, entry) in tree::items(tree::at(pod, "status"), list)
            .iter()
            .enumerate()
        {
            let ip = tree::text(entry, "ip");
            if ip.parse::<IpAddr>().is_err() {
                let text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                errors.push(FieldError::invalid(path.child(list).index(index), ip, text));
            }
        }
    }
    errors
}

fn deadline(pod: &Value, old: &Value, path: &Path, errors: &mut Vec<FieldError>) -> bool {
    let field = "spec.activeDeadlineSeconds";
    let at = path.child("activeDeadlineSeconds");
    match (tree::at(pod, field).as_i64(), tree::at(old, field).as_i64()) {
        (Some(new), Some(old)) if new > old => {
            let text = "must be less than or equal to previous value";
            errors.push(FieldError::invalid(at, new, text));
            false
        }
        (None, Some(_)) => {
            let text = "must not update from a positive integer to nil value";
            errors.push(FieldError::invalid(at, Value::Null, text));
            true
        }
        _ => true,
    }
}

fn tolerations(pod: &Value, old: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let new = tree::items(pod, "spec.tolerations");
    let without_seconds = |toleration: &Value| {
        let mut toleration = toleration.clone();
        tree::remove(&mut toleration, "tolerationSeconds");
        toleration
    };
    let kept = tree::items(old, "spec.tolerations").iter().all(|had| {
        new.iter()
            .any(|it| tree::same(&without_seconds(it), &without_seconds(had)))
    });
    if !kept {
        let text = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(FieldError::forbidden(path.child("tolerations"), text));
    }
}

/// The new spec with everything put back that may change.
fn comparable(new: &Value, old: &Value) -> Value {
    let mut spec = new.clone();
    let gated = !tree::items(old, "schedulingGates").is_empty();
    let free = ["activeDeadlineSeconds", "schedulingGates", "tolerations"];
    for field in free {
        tree::copy(&mut spec, old, field);
    }
    if gated {
        tree::copy(&mut spec, old, "nodeSelector");
        if !tree::at(old, "affinity").is_null() || !tree::at(&spec, "affinity").is_null() {
            tree::copy(&mut spec, old, "affinity");
        }
    }
    for list in ["containers", "initContainers"] {
        let images: Vec<Value> = tree::items(old, list)
            .iter()
            .map(|it| tree::at(it, "image").clone())
            .collect();
        for (container, image) in tree::items_mut(&mut spec, list).iter_mut().zip(images) {
            container["image"] = image;
        }
    }
    if tree::number(old, "terminationGracePeriodSeconds") < 0
        && tree::number(&spec, "terminationGracePeriodSeconds") == 1
    {
        tree::copy(&mut spec, old, "terminationGracePeriodSeconds");
    }
    spec
}
