//! Rules about the metadata of every object.

use std::net::IpAddr;

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, GroupVersion, names, object};

use crate::kind::Kind;
use crate::rules::NameRule;
use crate::table::groups;
use crate::tree;

/// Upstream's limit for all annotations of an object.
const ANNOTATIONS_MAX: usize = 256 * 1024;
const IMMUTABLE: &str = "field is immutable";

/// What is wrong with the metadata of a new object.
pub fn validate(kind: &Kind, object: &Value) -> Vec<FieldError> {
    let path = Path::root("metadata");
    let mut errors = Vec::new();
    let rule = kind.rules.name_rule();
    let prefix = object::text(object, "generateName");
    if !prefix.is_empty() {
        for text in check_prefix(rule, prefix) {
            errors.push(FieldError::invalid(
                path.child("generateName"),
                prefix,
                text,
            ));
        }
    }
    match object::name(object) {
        "" => {
            let text = "name or generateName is required";
            errors.push(FieldError::required(path.child("name"), text));
        }
        name => {
            for text in check_name(rule, name) {
                errors.push(FieldError::invalid(path.child("name"), name, text));
            }
        }
    }
    namespace(kind, object, &path, &mut errors);
    shared(object, &path, &mut errors);
    finalizers(object, &path.child("finalizers"), &mut errors);
    if groups().iter().any(|group| group.name == kind.group) {
        errors.extend(finalizers_of_builtin(object, &path.child("finalizers")));
    }
    errors
}

/// What is wrong with changed metadata.
pub fn validate_update(_kind: &Kind, new: &Value, old: &Value) -> Vec<FieldError> {
    let path = Path::root("metadata");
    let mut errors = Vec::new();
    if object::deletion_timestamp(old).is_some() {
        let mut extra: Vec<&str> = object::finalizers(new)
            .filter(|name| !object::finalizers(old).any(|had| had == *name))
            .collect();
        extra.sort_unstable();
        if !extra.is_empty() {
            let quoted: Vec<String> = extra
                .iter()
                .map(|it| styr_meta::field::quoted(it))
                .collect();
            let text = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                quoted.join(", ")
            );
            errors.push(FieldError::forbidden(path.child("finalizers"), text));
        }
    }
    if object::resource_version(new).is_empty() {
        let text = "must be specified for an update";
        errors.push(FieldError::invalid(path.child("resourceVersion"), "", text));
    }
    if object::generation(new) < object::generation(old) {
        let field = path.child("generation");
        errors.push(FieldError::invalid(
            field,
            object::generation(new),
            "must not be decremented",
        ));
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
    ] {
        if object::text(new, field) != object::text(old, field) {
            let value = &new["metadata"][field];
            errors.push(FieldError::invalid(
                path.child(field),
                value.clone(),
                IMMUTABLE,
            ));
        }
    }
    if object::deletion_grace_period_seconds(new) != object::deletion_grace_period_seconds(old) {
        let field = path.child("deletionGracePeriodSeconds");
        let value = new["metadata"]["deletionGracePeriodSeconds"].clone();
        errors.push(FieldError::invalid(field, value, IMMUTABLE));
    }
    shared(new, &path, &mut errors);
    errors
}

/// What is wrong with a name by a rule.
pub fn check_name(rule: NameRule, name: &str) -> Vec<String> {
    match rule {
        NameRule::Subdomain => names::dns1123_subdomain(name),
        NameRule::Label => names::dns1123_label(name),
        NameRule::Label1035 => names::dns1035_label(name),
        NameRule::PathSegment => names::path_segment(name),
        NameRule::Address => address(name),
    }
}

fn address(name: &str) -> Vec<String> {
    match name.parse::<IpAddr>() {
        Err(_) => vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".to_owned()],
        Ok(address) if address.to_string() != name => {
            vec![format!("must be in canonical form (\"{address}\")")]
        }
        Ok(_) => Vec::new(),
    }
}

/// The same for the beginning of a name, which may end with a dash.
pub fn check_prefix(rule: NameRule, prefix: &str) -> Vec<String> {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() && rule != NameRule::PathSegment => {
            let masked = rest.get(..rest.len() - 1).unwrap_or_default();
            check_name(rule, &format!("{masked}a"))
        }
        _ => check_name(rule, prefix),
    }
}

fn namespace(kind: &Kind, object: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("namespace");
    match (kind.namespaced, object::namespace(object)) {
        (true, "") => errors.push(FieldError::required(path, "")),
        (true, name) => {
            for text in names::dns1123_label(name) {
                errors.push(FieldError::invalid(&path, name, text));
            }
        }
        (false, "") => {}
        (false, _) => errors.push(FieldError::forbidden(path, "not allowed on this type")),
    }
}

fn shared(object: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    errors.extend(labels(&object["metadata"]["labels"], &path.child("labels")));
    errors.extend(annotations(
        &object["metadata"]["annotations"],
        &path.child("annotations"),
    ));
    owners(object, &path.child("ownerReferences"), errors);
}

/// What is wrong with labels.
pub fn labels(labels: &Value, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        for text in names::qualified_name(key) {
            errors.push(FieldError::invalid(path, key.as_str(), text));
        }
        let value = value.as_str().unwrap_or_default();
        for text in names::label_value(value) {
            errors.push(FieldError::invalid(path, value, text));
        }
    }
    errors
}

/// What is wrong with annotations.
pub fn annotations(annotations: &Value, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        for text in names::qualified_name(&key.to_lowercase()) {
            errors.push(FieldError::invalid(path, key.as_str(), text));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATIONS_MAX {
        errors.push(FieldError::too_long(path, ANNOTATIONS_MAX));
    }
    errors
}

fn owners(object: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let mut controller: Option<String> = None;
    let owners = object::owner_references(object);
    for (index, owner) in owners.iter().enumerate() {
        let at = path.index(index);
        let text = |field: &str| tree::text(owner, field);
        let version = text("apiVersion");
        if version.is_empty() {
            errors.push(FieldError::required(
                at.child("apiVersion"),
                "must not be empty",
            ));
        } else if GroupVersion::parse(version).is_none_or(|it| it.version.is_empty()) {
            let detail = "must be <group>/<version> or <version>";
            errors.push(FieldError::invalid(at.child("apiVersion"), version, detail));
        }
        for field in ["kind", "name", "uid"] {
            if text(field).is_empty() {
                errors.push(FieldError::required(at.child(field), "must not be empty"));
            }
        }
        if (version, text("kind")) == ("v1", "Event") {
            let detail = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(FieldError::invalid(&at, owner.clone(), detail));
        }
        if tree::is_true(owner, "controller") {
            let name = format!("{}/{}", text("kind"), text("name"));
            match &controller {
                None => controller = Some(name),
                Some(first) => {
                    let detail = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                    );
                    errors.push(FieldError::invalid(path, owners.to_vec(), detail));
                }
            }
        }
    }
}

/// Finalizers of the built-in kinds that are neither known nor somebody's.
pub(crate) fn finalizers_of_builtin(object: &Value, path: &Path) -> Vec<FieldError> {
    const KNOWN: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];
    let names = object::finalizers(object).enumerate();
    let odd = names.filter(|(_, name)| !name.contains('/') && !KNOWN.contains(name));
    odd.map(|(index, name)| {
        let text = "name is neither a standard finalizer name nor is it fully qualified";
        FieldError::invalid(path.index(index), name, text)
    })
    .collect()
}

fn finalizers(object: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for name in object::finalizers(object) {
        for text in names::qualified_name(name) {
            errors.push(FieldError::invalid(path, name, text));
        }
    }
    let has = |wanted: &str| object::finalizers(object).any(|name| name == wanted);
    if has("orphan") && has("foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        let value = object["metadata"]["finalizers"].clone();
        errors.push(FieldError::invalid(path, value, detail));
    }
}
