//! Rules for environment variables.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::tree;

const SOURCES: [&str; 5] = [
    "fieldRef",
    "resourceFieldRef",
    "configMapKeyRef",
    "secretKeyRef",
    "fileKeyRef",
];
/// Fields of a pod that its containers may see in their environment.
const FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Fields that can be named at all.
const LABELS: [&str; 16] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.hostNetwork",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.nominatedNodeName",
    "status.phase",
    "status.podIP",
    "status.podIPs",
];
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn variables(variables: &[Value], path: &Path, errors: &mut Vec<FieldError>) {
    for (index, variable) in variables.iter().enumerate() {
        let at = path.index(index);
        match tree::text(variable, "name") {
            "" => errors.push(FieldError::required(at.child("name"), "")),
            name => {
                for text in names::env_var_name(name) {
                    errors.push(FieldError::invalid(at.child("name"), name, text));
                }
            }
        }
        let from = tree::at(variable, "valueFrom");
        if !from.is_null() {
            let has_value = !tree::text(variable, "value").is_empty();
            source(from, &at.child("valueFrom"), errors);
            count(from, &at.child("valueFrom"), (has_value, errors));
        }
    }
}

fn count(from: &Value, path: &Path, (has_value, errors): (bool, &mut Vec<FieldError>)) {
    let found = SOURCES
        .iter()
        .filter(|name| !tree::at(from, name).is_null())
        .count();
    let text = match found {
        0 => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        }
        _ if has_value => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    errors.push(FieldError::invalid(path, "", text));
}

fn source(from: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let field = tree::at(from, "fieldRef");
    if !field.is_null() {
        field_ref(field, &path.child("fieldRef"), &FIELDS, errors);
    }
    let resource = tree::at(from, "resourceFieldRef");
    if !resource.is_null() {
        resource_ref(resource, &path.child("resourceFieldRef"), errors);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        let reference = tree::at(from, name);
        if reference.is_null() {
            continue;
        }
        let at = path.child(name);
        object_name(tree::text(reference, "name"), &at.child("name"), errors);
        match tree::text(reference, "key") {
            "" => errors.push(FieldError::required(at.child("key"), "")),
            key => {
                for text in names::config_map_key(key) {
                    errors.push(FieldError::invalid(at.child("key"), key, text));
                }
            }
        }
    }
}

fn object_name(name: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if name.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    for text in names::dns1123_subdomain(name) {
        errors.push(FieldError::invalid(path, name, text));
    }
}

/// A field of the pod; labels and annotations by their key.
pub(super) fn field_ref(
    reference: &Value,
    path: &Path,
    known: &[&str],
    errors: &mut Vec<FieldError>,
) {
    if tree::text(reference, "apiVersion").is_empty() {
        errors.push(FieldError::required(path.child("apiVersion"), ""));
        return;
    }
    let field = tree::text(reference, "fieldPath");
    let at = path.child("fieldPath");
    let version = tree::text(reference, "apiVersion");
    if version != "v1" && !field.is_empty() {
        let text = format!("error converting fieldPath: unsupported pod version: {version}");
        errors.push(FieldError::invalid(at, field, text));
        return;
    }
    if field.is_empty() {
        errors.push(FieldError::required(at, ""));
        return;
    }
    let keyed = ["metadata.annotations", "metadata.labels"]
        .iter()
        .find_map(|map| {
            field
                .strip_prefix(map)?
                .strip_prefix("['")?
                .strip_suffix("']")
        });
    match keyed {
        Some(key) => {
            for text in names::qualified_name(&key.to_lowercase()) {
                errors.push(FieldError::invalid(&at, key, text));
            }
        }
        None if !LABELS.contains(&field) => {
            let text = format!("error converting fieldPath: field label not supported: {field}");
            errors.push(FieldError::invalid(at, field, text));
        }
        None if !known.contains(&field) => {
            errors.push(FieldError::not_supported(at, field, known));
        }
        None => {}
    }
}

pub(super) fn resource_ref(reference: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let resource = tree::text(reference, "resource");
    if resource.is_empty() {
        errors.push(FieldError::required(path.child("resource"), ""));
    } else if !RESOURCES.contains(&resource)
        && !resource.starts_with("limits.hugepages-")
        && !resource.starts_with("requests.hugepages-")
    {
        errors.push(FieldError::not_supported(
            path.child("resource"),
            resource,
            &RESOURCES,
        ));
    }
}

pub(super) fn sources(sources: &[Value], path: &Path, errors: &mut Vec<FieldError>) {
    for (index, source) in sources.iter().enumerate() {
        let at = path.index(index);
        let prefix = tree::text(source, "prefix");
        if !prefix.is_empty() {
            for text in names::env_var_name(prefix) {
                errors.push(FieldError::invalid(at.child("prefix"), prefix, text));
            }
        }
        let mut found = 0;
        for name in ["configMapRef", "secretRef"] {
            let reference = tree::at(source, name);
            if reference.is_null() {
                continue;
            }
            found += 1;
            object_name(
                tree::text(reference, "name"),
                &at.child(name).child("name"),
                errors,
            );
        }
        match found {
            0 => {
                let text = "must specify one of: `configMapRef` or `secretRef`";
                errors.push(FieldError::invalid(path, "", text));
            }
            1 => {}
            _ => {
                let text = "may not have more than one field specified at a time";
                errors.push(FieldError::invalid(path, "", text));
            }
        }
    }
}
