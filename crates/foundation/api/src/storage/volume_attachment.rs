//! `VolumeAttachment`: a volume that is, or is to be, attached to a node.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct VolumeAttachment;

impl Rules for VolumeAttachment {
    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "PV" => Some(json!(tree::text(
                object,
                "spec.source.persistentVolumeName"
            ))),
            "Attached" => Some(json!(tree::is_true(object, "status.attached"))),
            _ => None,
        }
    }
}
