//! `ReplicaSet`: <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/>.

use serde_json::{Value, json};
use styr_meta::FieldError;
use styr_meta::field::Path;

use super::counts::StatusCounts;
use super::workload;
use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, numbers, tree};

pub(crate) struct ReplicaSet;

/// The numbers of its status.
const STATUS: StatusCounts = StatusCounts {
    counts: &[
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
        "terminatingReplicas",
    ],
    parts: &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
    ready: "readyReplicas",
};

impl Rules for ReplicaSet {
    fn default(&self, object: &mut Value) {
        if let Some(template) = object["spec"].get_mut("template") {
            pod_template::default(template);
        }
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let (spec, path) = (tree::at(object, "spec"), Path::root("spec"));
        let mut errors = Vec::new();
        numbers::count(spec, &path, "replicas", &mut errors);
        numbers::count(spec, &path, "minReadySeconds", &mut errors);
        workload::selector_and_template(spec, &path, "replicaset", &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        workload::immutable(object, old, "selector", &mut errors);
        errors
    }

    fn validate_status_update(
        &self,
        object: &Value,
        old: &Value,
        _cx: &Context,
    ) -> Vec<FieldError> {
        STATUS.check(object, old)
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
