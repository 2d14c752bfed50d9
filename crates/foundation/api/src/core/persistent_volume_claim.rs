//! `PersistentVolumeClaim`: <https://kubernetes.io/docs/concepts/storage/persistent-volumes/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use super::persistent_volume::{access_modes, class, phase};
use super::volume_claim;
use crate::rules::{Context, Rules};
use crate::{selector, tree};

pub(crate) struct PersistentVolumeClaim;

impl Rules for PersistentVolumeClaim {
    fn prepare_create(&self, object: &mut Value, _cx: &Context) {
        object["status"] = json!({"phase": "Pending"});
        normalize_sources(object);
    }

    fn prepare_update(&self, object: &mut Value, _old: &Value, _cx: &Context) {
        normalize_sources(object);
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        spec(tree::at(object, "spec"), &Path::root("spec"), &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        changes(object, old, &mut errors);
        errors
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        (field == "name").then(|| styr_meta::object::name(object).to_owned())
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let bound = !tree::text(object, "spec.volumeName").is_empty();
        let or_unset = |path: &str| match tree::at(object, path) {
            Value::String(text) => json!(text),
            _ => json!("<unset>"),
        };
        let cell = match column {
            "Status" => json!(phase(object)),
            "Capacity" if !bound => json!(""),
            "Capacity" => match tree::text(object, "status.capacity.storage") {
                "" => json!("0"),
                size => json!(size),
            },
            "Access Modes" if !bound => json!(""),
            "Access Modes" => json!(access_modes(tree::at(object, "status.accessModes"))),
            "StorageClass" => json!(class(object)),
            "VolumeAttributesClass" => or_unset("spec.volumeAttributesClassName"),
            "VolumeMode" => or_unset("spec.volumeMode"),
            _ => return None,
        };
        Some(cell)
    }
}

/// The two fields for the source of data say the same, where the older one can say it.
fn normalize_sources(object: &mut Value) {
    let Some(spec) = object.get_mut("spec") else {
        return;
    };
    let (source, reference) = (
        tree::at(spec, "dataSource").clone(),
        tree::at(spec, "dataSourceRef").clone(),
    );
    if !source.is_null() && reference.is_null() {
        spec["dataSourceRef"] = source;
    } else if source.is_null()
        && !reference.is_null()
        && tree::text(&reference, "namespace").is_empty()
    {
        let group = tree::text(&reference, "apiGroup");
        let kind = tree::text(&reference, "kind");
        let is_known = group.is_empty() && kind == "PersistentVolumeClaim"
            || group == "snapshot.storage.k8s.io" && kind == "VolumeSnapshot";
        if is_known {
            spec["dataSource"] = reference;
        }
    }
}

/// What is wrong with what a claim, or a template of claims, asks for.
pub(crate) fn spec(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let text = "at least 1 access mode is required";
    volume_claim::access_modes(spec, path, text, errors);
    errors.extend(selector::check(
        tree::at(spec, "selector"),
        &path.child("selector"),
    ));
    let at = path.child("resources").key("storage");
    match tree::at(spec, "resources.requests.storage") {
        Value::Null => errors.push(FieldError::required(at, "")),
        amount => volume_claim::positive(amount, &at, errors),
    }
    for field in ["storageClassName", "volumeAttributesClassName"] {
        let name = tree::text(spec, field);
        if name.is_empty() {
            continue;
        }
        for text in names::dns1123_subdomain(name) {
            errors.push(FieldError::invalid(path.child(field), name, text));
        }
    }
    volume_claim::volume_mode(spec, path, errors);
}

/// A claim may grow, be bound once, and get a class of attributes; nothing else.
fn changes(object: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let (new, had) = (tree::at(object, "spec"), tree::at(old, "spec"));
    let mut kept = new.clone();
    if tree::text(had, "volumeName").is_empty() {
        tree::copy(&mut kept, had, "volumeName");
    }
    tree::copy(&mut kept, had, "volumeAttributesClassName");
    if tree::at(had, "storageClassName").is_null() {
        tree::copy(&mut kept, had, "storageClassName");
    }
    let amount = |spec: &Value| {
        styr_meta::Quantity::from_value(tree::at(spec, "resources.requests.storage"))
    };
    let bound = tree::text(old, "status.phase") == "Bound";
    if bound && amount(new) != amount(had) {
        kept["resources"]["requests"]["storage"] = had["resources"]["requests"]["storage"].clone();
    }
    if !tree::same(&kept, had) {
        let text = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        errors.push(FieldError::forbidden("spec", text));
    }
    let least = styr_meta::Quantity::from_value(tree::at(old, "status.capacity.storage"));
    if bound && amount(new) < amount(had) && amount(new) <= least {
        let text = "field can not be less than status.capacity";
        let path = Path::root("spec")
            .child("resources")
            .child("requests")
            .child("storage");
        errors.push(FieldError::forbidden(path, text));
    }
}
