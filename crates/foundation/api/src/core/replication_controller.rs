//! `ReplicationController`: <https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, labels};

use super::pod_template::{self, validate};
use crate::apps::counts::StatusCounts;
use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct ReplicationController;

/// The numbers of its status.
const STATUS: StatusCounts = StatusCounts {
    counts: &[
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
    ],
    parts: &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
    ready: "readyReplicas",
};

impl Rules for ReplicationController {
    fn default(&self, object: &mut Value) {
        let labels = tree::at(object, "spec.template.metadata.labels").clone();
        if labels.is_object() {
            if tree::at(object, "spec.selector")
                .as_object()
                .is_none_or(|it| it.is_empty())
            {
                object["spec"]["selector"] = labels.clone();
            }
            if tree::at(object, "metadata.labels")
                .as_object()
                .is_none_or(|it| it.is_empty())
            {
                tree::object_mut(object, "metadata")["labels"] = labels;
            }
        }
        if let Some(template) = object["spec"].get_mut("template") {
            pod_template::default(template);
        }
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let (spec, path) = (tree::at(object, "spec"), Path::root("spec"));
        let mut errors = Vec::new();
        let selector = tree::at(spec, "selector")
            .as_object()
            .cloned()
            .unwrap_or_default();
        if selector.is_empty() {
            errors.push(FieldError::required(path.child("selector"), ""));
        }
        for field in ["replicas", "minReadySeconds"] {
            let number = tree::number(spec, field);
            if number < 0 {
                let text = "must be greater than or equal to 0";
                errors.push(FieldError::invalid(path.child(field), number, text));
            }
        }
        let (template, at) = (tree::at(spec, "template"), path.child("template"));
        if template.is_null() {
            errors.push(FieldError::required(at, ""));
            return errors;
        }
        let map = tree::at(template, "metadata.labels");
        if !labels::Selector::equal_to(&selector).matches(map.as_object()) {
            let text = "`selector` does not match template `labels`";
            errors.push(FieldError::invalid(
                at.child("metadata.labels"),
                map.clone(),
                text,
            ));
        }
        errors.extend(validate::template(template, &at));
        let policy = tree::text(template, "spec.restartPolicy");
        if policy != "Always" {
            let at = at.child("spec.restartPolicy");
            errors.push(FieldError::not_supported(at, policy, &["Always"]));
        }
        errors
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        (field == "status.replicas").then(|| tree::number(object, field).to_string())
    }

    fn validate_status_update(
        &self,
        object: &Value,
        old: &Value,
        _cx: &Context,
    ) -> Vec<FieldError> {
        STATUS.check(object, old)
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let template = &object["spec"]["template"]["spec"];
        match column {
            "Desired" => Some(json!(tree::number(object, "spec.replicas"))),
            "Current" => Some(json!(tree::number(object, "status.replicas"))),
            "Ready" => Some(json!(tree::number(object, "status.readyReplicas"))),
            "Containers" => Some(cells::containers(template)),
            "Images" => Some(cells::images(template)),
            "Selector" => Some(cells::labels(&object["spec"]["selector"])),
            _ => None,
        }
    }
}
