//! Deployment: <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>.

use serde_json::{Value, json};
use styr_meta::object;

use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct Deployment;

impl Rules for Deployment {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else {
            return;
        };
        if tree::text(spec, "strategy.type") == "RollingUpdate" {
            let rolling = tree::object_mut(&mut spec["strategy"], "rollingUpdate");
            tree::set_default(rolling, "maxUnavailable", "25%");
            tree::set_default(rolling, "maxSurge", "25%");
        }
        if let Some(template) = spec.get_mut("template") {
            pod_template::default(template);
        }
    }

    fn prepare_status_update(&self, object: &mut Value, old: &Value, _cx: &Context) {
        keep_labels(object, old);
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let template = &object["spec"]["template"]["spec"];
        let cell = match column {
            "Ready" => json!(ready(object)),
            "Up-to-date" => json!(tree::number(object, "status.updatedReplicas")),
            "Available" => json!(tree::number(object, "status.availableReplicas")),
            "Containers" => cells::containers(template),
            "Images" => cells::images(template),
            "Selector" => cells::selector(&object["spec"]["selector"]),
            _ => return None,
        };
        Some(cell)
    }
}

/// The status says nothing about labels.
pub(super) fn keep_labels(object: &mut Value, old: &Value) {
    let metadata = object::metadata_mut(object);
    match &old["metadata"]["labels"] {
        Value::Null => metadata.remove("labels"),
        labels => metadata.insert("labels".to_owned(), labels.clone()),
    };
}

/// How many of how many are ready.
pub(super) fn ready(object: &Value) -> String {
    let ready = tree::number(object, "status.readyReplicas");
    format!("{ready}/{}", tree::number(object, "spec.replicas"))
}
