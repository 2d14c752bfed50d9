//! `DaemonSet`: <https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, object};

use super::counts::StatusCounts;
use super::workload;
use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, numbers, tree};

pub(crate) struct DaemonSet;

/// The numbers of its status.
const STATUS: StatusCounts = StatusCounts {
    counts: &[
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ],
    parts: &[],
    ready: "",
};

/// Counts the changes of the template, for those who still read it.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

impl Rules for DaemonSet {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else {
            return;
        };
        if tree::text(spec, "updateStrategy.type") == "RollingUpdate" {
            let rolling = tree::object_mut(&mut spec["updateStrategy"], "rollingUpdate");
            tree::set_default(rolling, "maxUnavailable", 1);
            tree::set_default(rolling, "maxSurge", 0);
        }
        if let Some(template) = spec.get_mut("template") {
            pod_template::default(template);
        }
    }

    fn prepare_create(&self, object: &mut Value, _cx: &Context) {
        let said = object::annotation(object, TEMPLATE_GENERATION).and_then(|it| it.parse().ok());
        let generation: i64 = said.unwrap_or(0).max(1);
        object::set_annotation(object, TEMPLATE_GENERATION, &generation.to_string());
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &Context) {
        let before = object::annotation(old, TEMPLATE_GENERATION).and_then(|it| it.parse().ok());
        let before: i64 = before.unwrap_or(1);
        let (new, had) = (
            tree::at(object, "spec.template"),
            tree::at(old, "spec.template"),
        );
        let generation = before + i64::from(!tree::same(new, had));
        object::set_annotation(object, TEMPLATE_GENERATION, &generation.to_string());
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let (spec, path) = (tree::at(object, "spec"), Path::root("spec"));
        let mut errors = Vec::new();
        workload::selector_and_template(spec, &path, "daemonset", &mut errors);
        numbers::count(spec, &path, "minReadySeconds", &mut errors);
        strategy(
            tree::at(spec, "updateStrategy"),
            &path.child("updateStrategy"),
            &mut errors,
        );
        numbers::count(spec, &path, "revisionHistoryLimit", &mut errors);
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

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let template = &object["spec"]["template"]["spec"];
        let number = |field: &str| json!(tree::number(&object["status"], field));
        let cell = match column {
            "Desired" => number("desiredNumberScheduled"),
            "Current" => number("currentNumberScheduled"),
            "Ready" => number("numberReady"),
            "Up-to-date" => number("updatedNumberScheduled"),
            "Available" => number("numberAvailable"),
            "Node Selector" => cells::labels(&template["nodeSelector"]),
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
        "OnDelete" => {}
        "RollingUpdate" if rolling.is_null() => errors.push(FieldError::required(at, "")),
        "RollingUpdate" => {
            let both = ["maxUnavailable", "maxSurge"];
            for field in both {
                numbers::share(tree::at(rolling, field), &at.child(field), errors);
            }
            for field in both {
                numbers::at_most_all(tree::at(rolling, field), &at.child(field), errors);
            }
            match both.map(|field| numbers::is_nothing(tree::at(rolling, field))) {
                [false, false] => {
                    let text = "may not be set when maxUnavailable is non-zero";
                    let value = tree::at(rolling, "maxSurge").clone();
                    errors.push(FieldError::invalid(at.child("maxSurge"), value, text));
                }
                [true, true] => {
                    let text = "cannot be 0 when maxSurge is 0";
                    errors.push(FieldError::required(at.child("maxUnavailable"), text));
                }
                _ => {}
            }
        }
        _ => {
            let known = ["RollingUpdate", "OnDelete"];
            errors.push(FieldError::not_supported(path, strategy.clone(), &known));
        }
    }
}
