//! Deployment: <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, object};

use super::counts::StatusCounts;
use super::workload;
use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, numbers, tree};

pub(crate) struct Deployment;

/// The numbers of its status.
const STATUS: StatusCounts = StatusCounts {
    counts: &[
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ],
    parts: &["updatedReplicas", "readyReplicas", "availableReplicas"],
    ready: "readyReplicas",
};

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

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let (spec, path) = (tree::at(object, "spec"), Path::root("spec"));
        let mut errors = Vec::new();
        numbers::count(spec, &path, "replicas", &mut errors);
        workload::selector_and_template(spec, &path, "deployment", &mut errors);
        strategy(
            tree::at(spec, "strategy"),
            &path.child("strategy"),
            &mut errors,
        );
        for field in [
            "minReadySeconds",
            "revisionHistoryLimit",
            "progressDeadlineSeconds",
        ] {
            numbers::count(spec, &path, field, &mut errors);
        }
        let deadline = tree::at(spec, "progressDeadlineSeconds").as_i64();
        if let Some(seconds) = deadline
            && seconds <= tree::number(spec, "minReadySeconds")
        {
            let at = path.child("progressDeadlineSeconds");
            errors.push(FieldError::invalid(
                at,
                seconds,
                "must be greater than minReadySeconds",
            ));
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        workload::immutable(object, old, "selector", &mut errors);
        errors
    }

    fn prepare_status_update(&self, object: &mut Value, old: &Value, _cx: &Context) {
        keep_labels(object, old);
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

fn strategy(strategy: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let rolling = tree::at(strategy, "rollingUpdate");
    let at = path.child("rollingUpdate");
    match tree::text(strategy, "type") {
        "Recreate" if !rolling.is_null() => {
            let text = "may not be specified when strategy `type` is 'Recreate'";
            errors.push(FieldError::forbidden(at, text));
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let (unavailable, surge) = (
                tree::at(rolling, "maxUnavailable"),
                tree::at(rolling, "maxSurge"),
            );
            numbers::share(unavailable, &at.child("maxUnavailable"), errors);
            numbers::share(surge, &at.child("maxSurge"), errors);
            if numbers::is_nothing(unavailable) && numbers::is_nothing(surge) {
                let text = "may not be 0 when `maxSurge` is 0";
                let at = at.child("maxUnavailable");
                errors.push(FieldError::invalid(at, unavailable.clone(), text));
            }
            numbers::at_most_all(unavailable, &at.child("maxUnavailable"), errors);
        }
        _ => {
            let known = ["Recreate", "RollingUpdate"];
            errors.push(FieldError::not_supported(path, strategy.clone(), &known));
        }
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
