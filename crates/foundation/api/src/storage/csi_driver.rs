//! `CSIDriver`: what a driver of volumes wants from the cluster.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct CsiDriver;

impl Rules for CsiDriver {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else {
            return;
        };
        if tree::items(spec, "volumeLifecycleModes").is_empty() {
            spec["volumeLifecycleModes"] = json!(["Persistent"]);
        }
        tree::set_default(spec, "seLinuxMount", false);
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let flag = |field: &str, missing: bool| {
            json!(
                tree::at(&object["spec"], field)
                    .as_bool()
                    .unwrap_or(missing)
            )
        };
        let joined = |field: &str, key: &str| {
            let items = tree::items(&object["spec"], field).iter();
            let texts = items.map(|it| {
                if key.is_empty() {
                    it.as_str().unwrap_or_default()
                } else {
                    tree::text(it, key)
                }
            });
            texts.collect::<Vec<_>>().join(",")
        };
        let cell = match column {
            "Name" => json!(styr_meta::object::name(object)),
            "AttachRequired" => flag("attachRequired", true),
            "PodInfoOnMount" => flag("podInfoOnMount", false),
            "StorageCapacity" => flag("storageCapacity", false),
            "TokenRequests" if tree::at(object, "spec.tokenRequests").is_null() => json!("<unset>"),
            "TokenRequests" => json!(joined("tokenRequests", "audience")),
            "RequiresRepublish" => flag("requiresRepublish", false),
            "Modes" => cells::or_none(&joined("volumeLifecycleModes", "")),
            _ => return None,
        };
        Some(cell)
    }
}
