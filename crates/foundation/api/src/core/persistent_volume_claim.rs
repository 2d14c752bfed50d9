//! `PersistentVolumeClaim`: <https://kubernetes.io/docs/concepts/storage/persistent-volumes/>.

use serde_json::{Value, json};

use super::persistent_volume::{access_modes, class, phase};
use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct PersistentVolumeClaim;

impl Rules for PersistentVolumeClaim {
    fn prepare_create(&self, object: &mut Value, _cx: &Context) {
        object["status"] = json!({"phase": "Pending"});
        normalize_sources(object);
    }

    fn prepare_update(&self, object: &mut Value, _old: &Value, _cx: &Context) {
        normalize_sources(object);
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
