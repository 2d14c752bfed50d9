//! Job: <https://kubernetes.io/docs/concepts/workloads/controllers/job/>.

pub(super) mod validate;

use serde_json::{Map, Value, json};
use styr_meta::{FieldError, object};

use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct Job;

/// Labels that tie pods to their job: the names of old and of today.
const LABELS: [(&str, &str); 4] = [
    ("controller-uid", "uid"),
    ("batch.kubernetes.io/controller-uid", "uid"),
    ("job-name", "name"),
    ("batch.kubernetes.io/job-name", "name"),
];
const UID_LABEL: &str = "batch.kubernetes.io/controller-uid";

impl Rules for Job {
    fn default(&self, object: &mut Value) {
        let labels = tree::at(object, "spec.template.metadata.labels").clone();
        if labels.as_object().is_some_and(|it| !it.is_empty())
            && tree::at(object, "metadata.labels")
                .as_object()
                .is_none_or(Map::is_empty)
        {
            tree::object_mut(object, "metadata")["labels"] = labels;
        }
        if let Some(spec) = object.get_mut("spec") {
            default_spec(spec);
        }
    }

    fn prepare_create(&self, object: &mut Value, _cx: &Context) {
        if !tree::is_true(object, "spec.manualSelector") {
            select_by_uid(object);
        }
        if tree::at(object, "metadata.labels")
            .as_object()
            .is_none_or(Map::is_empty)
        {
            tree::copy_at(
                object,
                "spec.template.metadata.labels",
                ("metadata", "labels"),
            );
        }
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        validate::create(object)
    }

    fn validate_update(&self, object: &Value, old: &Value, _cx: &Context) -> Vec<FieldError> {
        validate::update(object, old)
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        (field == "status.successful").then(|| tree::number(object, "status.succeeded").to_string())
    }

    fn cell(&self, column: &str, object: &Value, cx: &Context) -> Option<Value> {
        let template = &object["spec"]["template"]["spec"];
        let cell = match column {
            "Status" => json!(status(object)),
            "Completions" => json!(completions(object)),
            "Duration" => json!(duration(object, cx)),
            "Containers" => cells::containers(template),
            "Images" => cells::images(template),
            "Selector" => cells::selector(&object["spec"]["selector"]),
            _ => return None,
        };
        Some(cell)
    }
}

/// Defaults of jobs and of the templates of jobs.
fn default_spec(spec: &mut Value) {
    let unset = |spec: &Value, field: &str| tree::at(spec, field).is_null();
    // A job that says neither wants exactly one completion.
    if unset(spec, "completions") && unset(spec, "parallelism") {
        spec["completions"] = 1.into();
    }
    tree::set_default(spec, "parallelism", 1);
    let limit = if unset(spec, "backoffLimitPerIndex") {
        6
    } else {
        i32::MAX
    };
    tree::set_default(spec, "backoffLimit", limit);
    let policy = if unset(spec, "podFailurePolicy") {
        "TerminatingOrFailed"
    } else {
        "Failed"
    };
    tree::set_default(spec, "podReplacementPolicy", policy);
    if let Some(template) = spec.get_mut("template") {
        pod_template::default(template);
    }
}

/// Pods are found by the uid of their job, whatever their labels.
fn select_by_uid(object: &mut Value) {
    let (uid, name) = (
        object::uid(object).to_owned(),
        object::name(object).to_owned(),
    );
    let spec = tree::object_mut(object, "spec");
    let metadata = tree::object_mut(tree::object_mut(spec, "template"), "metadata");
    let labels = tree::object_mut(metadata, "labels");
    for (label, what) in LABELS {
        tree::set_if_zero(
            labels,
            label,
            if what == "uid" { uid.as_str() } else { &name },
        );
    }
    let match_labels = tree::object_mut(tree::object_mut(spec, "selector"), "matchLabels");
    tree::set_if_zero(match_labels, UID_LABEL, uid);
}

fn has_condition(object: &Value, kind: &str) -> bool {
    tree::items(object, "status.conditions")
        .iter()
        .any(|it| tree::text(it, "type") == kind && tree::text(it, "status") == "True")
}

fn status(object: &Value) -> &'static str {
    if has_condition(object, "Complete") {
        "Complete"
    } else if has_condition(object, "Failed") {
        "Failed"
    } else if object::deletion_timestamp(object).is_some() {
        "Terminating"
    } else if has_condition(object, "Suspended") {
        "Suspended"
    } else if has_condition(object, "FailureTarget") {
        "FailureTarget"
    } else if has_condition(object, "SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn completions(object: &Value) -> String {
    let succeeded = tree::number(object, "status.succeeded");
    let parallelism = tree::number(object, "spec.parallelism");
    match tree::at(object, "spec.completions").as_i64() {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

fn duration(object: &Value, cx: &Context) -> String {
    let time = |path: &str| tree::text(object, path).parse::<jiff::Timestamp>().ok();
    let Some(start) = time("status.startTime") else {
        return String::new();
    };
    let end = time("status.completionTime").unwrap_or(cx.now);
    cells::human_duration(end.as_second() - start.as_second())
}
