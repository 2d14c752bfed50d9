//! `PersistentVolume`: <https://kubernetes.io/docs/concepts/storage/persistent-volumes/>.

use serde_json::{Value, json};
use styr_meta::object;

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct PersistentVolume;

/// The class of a volume was once said in an annotation.
pub(super) const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

impl Rules for PersistentVolume {
    fn prepare_create(&self, object: &mut Value, cx: &Context) {
        object["status"] = json!({"phase": "Pending"});
        object["status"]["lastPhaseTransitionTime"] = styr_meta::time::format(cx.now).into();
    }

    fn prepare_status_update(&self, object: &mut Value, old: &Value, cx: &Context) {
        let phase = tree::text(object, "status.phase");
        if phase != tree::text(old, "status.phase") {
            let sent = tree::at(object, "status.lastPhaseTransitionTime");
            if sent.is_null() || sent == tree::at(old, "status.lastPhaseTransitionTime") {
                let now = styr_meta::time::format(cx.now);
                object["status"]["lastPhaseTransitionTime"] = now.into();
            }
        }
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let or_unset = |path: &str| match tree::at(object, path) {
            Value::String(text) => json!(text),
            _ => json!("<unset>"),
        };
        let cell = match column {
            "Capacity" => match tree::text(object, "spec.capacity.storage") {
                "" => json!("0"),
                size => json!(size),
            },
            "Access Modes" => json!(access_modes(tree::at(object, "spec.accessModes"))),
            "Status" => json!(phase(object)),
            "Claim" => match tree::at(object, "spec.claimRef") {
                Value::Null => json!(""),
                claim => {
                    let (namespace, name) =
                        (tree::text(claim, "namespace"), tree::text(claim, "name"));
                    json!(format!("{namespace}/{name}"))
                }
            },
            "StorageClass" => json!(class(object)),
            "VolumeAttributesClass" => or_unset("spec.volumeAttributesClassName"),
            "VolumeMode" => or_unset("spec.volumeMode"),
            _ => return None,
        };
        Some(cell)
    }
}

pub(super) fn phase(object: &Value) -> &str {
    match object::deletion_timestamp(object) {
        Some(_) => "Terminating",
        None => tree::text(object, "status.phase"),
    }
}

pub(super) fn class(object: &Value) -> &str {
    object::annotation(object, CLASS).unwrap_or_else(|| tree::text(object, "spec.storageClassName"))
}

/// The modes in short, each once.
pub(super) fn access_modes(modes: &Value) -> String {
    let short = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let modes = modes.as_array().map_or(&[][..], Vec::as_slice);
    let named = short
        .iter()
        .filter(|(name, _)| modes.iter().any(|mode| mode == name));
    named.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}
