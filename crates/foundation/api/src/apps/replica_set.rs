//! `ReplicaSet`: <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/>.

use serde_json::{Value, json};

use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct ReplicaSet;

impl Rules for ReplicaSet {
    fn default(&self, object: &mut Value) {
        if let Some(template) = object["spec"].get_mut("template") {
            pod_template::default(template);
        }
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        (field == "status.replicas").then(|| tree::number(object, field).to_string())
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let template = &object["spec"]["template"]["spec"];
        let cell = match column {
            "Desired" => json!(tree::number(object, "spec.replicas")),
            "Current" => json!(tree::number(object, "status.replicas")),
            "Ready" => json!(tree::number(object, "status.readyReplicas")),
            "Containers" => cells::containers(template),
            "Images" => cells::images(template),
            "Selector" => cells::selector(&object["spec"]["selector"]),
            _ => return None,
        };
        Some(cell)
    }
}
