//! Rules for Jobs, and for what may change of one.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, labels};

use crate::core::pod_template::validate;
use crate::{numbers, selector, tree};

const COUNTS: [&str; 7] = [
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
];
const MODES: [&str; 2] = ["NonIndexed", "Indexed"];
const PARALLELISM_MAX: i64 = 100_000;

pub(super) fn create(job: &Value) -> Vec<FieldError> {
    let (job_spec, path) = (tree::at(job, "spec"), Path::root("spec"));
    let mut errors = Vec::new();
    let found = tree::at(job_spec, "selector");
    if found.is_null() {
        errors.push(FieldError::required(path.child("selector"), ""));
    } else {
        errors.extend(selector::check(found, &path.child("selector")));
    }
    let map = tree::at(job_spec, "template.metadata.labels");
    if let Ok(parsed) = labels::Selector::from_value(found)
        && !parsed.matches(map.as_object())
    {
        let text = "`selector` does not match template `labels`";
        let at = path.child("template.metadata.labels");
        errors.push(FieldError::invalid(at, map.clone(), text));
    }
    errors.extend(spec(job_spec, &path));
    errors
}

/// What holds for jobs and for the templates of jobs.
pub(in crate::batch) fn spec(spec: &Value, path: &Path) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in COUNTS {
        numbers::count(spec, path, field, &mut errors);
    }
    let is_set = |field: &str| !tree::at(spec, field).is_null();
    let mode = tree::text(spec, "completionMode");
    if !mode.is_empty() && !MODES.contains(&mode) {
        errors.push(FieldError::not_supported(
            path.child("completionMode"),
            mode,
            &MODES,
        ));
    }
    if mode == "Indexed" {
        if !is_set("completions") {
            let text = "when completion mode is Indexed";
            errors.push(FieldError::required(path.child("completions"), text));
        }
        let parallelism = tree::number(spec, "parallelism");
        if parallelism > PARALLELISM_MAX {
            let text = format!(
                "must be less than or equal to {PARALLELISM_MAX} when completion mode is Indexed"
            );
            errors.push(FieldError::invalid(
                path.child("parallelism"),
                parallelism,
                text,
            ));
        }
    } else if matches!(mode, "" | "NonIndexed") {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if is_set(field) {
                let value = tree::at(spec, field).clone();
                let text = "requires indexed completion mode";
                errors.push(FieldError::invalid(path.child(field), value, text));
            }
        }
    }
    let template = tree::at(spec, "template");
    errors.extend(validate::template(template, &path.child("template")));
    restart(spec, path, &mut errors);
    errors
}

fn restart(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let at = path.child("template.spec.restartPolicy");
    match tree::text(spec, "template.spec.restartPolicy") {
        "" | "Always" => {
            let text = "valid values: \"OnFailure\", \"Never\"";
            errors.push(FieldError::required(at, text));
        }
        "OnFailure" if !tree::at(spec, "podFailurePolicy").is_null() => {
            let text = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.push(FieldError::invalid(at, "OnFailure", text));
        }
        "OnFailure" | "Never" => {}
        other => errors.push(FieldError::not_supported(
            at,
            other,
            &["OnFailure", "Never"],
        )),
    }
}

/// The work stays the same; how much of it is done at once may change.
pub(super) fn update(job: &Value, old: &Value) -> Vec<FieldError> {
    let (new, had, path) = (
        tree::at(job, "spec"),
        tree::at(old, "spec"),
        Path::root("spec"),
    );
    let mut errors = spec(new, &path);
    let immutable = |field: &str, errors: &mut Vec<FieldError>| {
        let value = tree::at(new, field);
        if !tree::same(value, tree::at(had, field)) {
            let at = path.child(field);
            errors.push(FieldError::invalid(at, value.clone(), "field is immutable"));
        }
    };
    if tree::text(new, "completionMode") == "Indexed" {
        let completions = tree::at(new, "completions");
        let changed = !tree::same(completions, tree::at(had, "completions"));
        if changed && completions != tree::at(new, "parallelism") {
            let text = "can only be modified in tandem with spec.parallelism";
            errors.push(FieldError::invalid(
                path.child("completions"),
                completions.clone(),
                text,
            ));
        }
    } else {
        immutable("completions", &mut errors);
    }
    immutable("selector", &mut errors);
    let suspended = tree::is_true(had, "suspend");
    let mut template = tree::at(new, "template").clone();
    if suspended {
        // Before it starts, where its pods go may still be decided.
        tree::copy(&mut template, tree::at(had, "template"), "metadata");
        for field in [
            "affinity",
            "nodeSelector",
            "tolerations",
            "schedulingGates",
            "containers",
            "initContainers",
        ] {
            tree::copy(&mut template["spec"], tree::at(had, "template.spec"), field);
        }
    }
    if !tree::same(&template, tree::at(had, "template")) {
        let value = tree::at(new, "template").clone();
        errors.push(FieldError::invalid(
            path.child("template"),
            value,
            "field is immutable",
        ));
    }
    for field in [
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ] {
        immutable(field, &mut errors);
    }
    errors
}
