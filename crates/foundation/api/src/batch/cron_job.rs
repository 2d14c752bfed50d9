//! `CronJob`: <https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/>.

use serde_json::{Value, json};
use styr_meta::FieldError;
use styr_meta::field::Path;

use super::job;
use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, numbers, tree};

pub(crate) struct CronJob;

impl Rules for CronJob {
    fn default(&self, object: &mut Value) {
        // The job gets its own defaults when it is made; its pods' are those of every template.
        if let Some(template) = object["spec"]["jobTemplate"]["spec"].get_mut("template") {
            pod_template::default(template);
        }
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let (spec, path) = (tree::at(object, "spec"), Path::root("spec"));
        let mut errors = Vec::new();
        schedule(
            tree::text(spec, "schedule"),
            &path.child("schedule"),
            &mut errors,
        );
        let counts = [
            "startingDeadlineSeconds",
            "successfulJobsHistoryLimit",
            "failedJobsHistoryLimit",
        ];
        for field in counts {
            numbers::count(spec, &path, field, &mut errors);
        }
        if tree::at(spec, "timeZone") == "" {
            let text = "timeZone must be nil or non-empty string";
            errors.push(FieldError::invalid(path.child("timeZone"), "", text));
        }
        let policies = ["Allow", "Forbid", "Replace"];
        match tree::text(spec, "concurrencyPolicy") {
            "" => errors.push(FieldError::required(path.child("concurrencyPolicy"), "")),
            policy if !policies.contains(&policy) => {
                let at = path.child("concurrencyPolicy");
                errors.push(FieldError::not_supported(at, policy, &policies));
            }
            _ => {}
        }
        let template = tree::at(spec, "jobTemplate.spec");
        let at = path.child("jobTemplate.spec");
        if tree::is_true(template, "manualSelector") {
            let known = ["nil", "false"];
            let at = at.child("manualSelector");
            errors.push(FieldError::not_supported(at, true, &known));
        }
        let selector = tree::at(template, "selector");
        if !selector.is_null() {
            let text = "`selector` will be auto-generated";
            errors.push(FieldError::invalid(
                at.child("selector"),
                selector.clone(),
                text,
            ));
        }
        errors.extend(job::validate::spec(
            template,
            &path.child("jobTemplate.spec"),
        ));
        errors
    }

    fn cell(&self, column: &str, object: &Value, cx: &Context) -> Option<Value> {
        let job = &object["spec"]["jobTemplate"]["spec"];
        let template = &job["template"]["spec"];
        let cell = match column {
            "Timezone" => cells::or_none(tree::text(object, "spec.timeZone")),
            "Suspend" => match tree::at(object, "spec.suspend") {
                Value::Bool(true) => json!("True"),
                Value::Bool(false) => json!("False"),
                _ => json!("<unset>"),
            },
            "Active" => json!(tree::items(object, "status.active").len()),
            "Last Schedule" => match tree::text(object, "status.lastScheduleTime") {
                "" => json!("<none>"),
                time => json!(cells::age(time, cx.now)),
            },
            "Containers" => cells::containers(template),
            "Images" => cells::images(template),
            "Selector" => cells::selector(&job["selector"]),
            _ => return None,
        };
        Some(cell)
    }
}

/// Five fields, or one of the words for common times.
fn schedule(schedule: &str, path: &Path, errors: &mut Vec<FieldError>) {
    if schedule.is_empty() {
        errors.push(FieldError::required(path, ""));
        return;
    }
    if schedule.contains("TZ") {
        let text = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        errors.push(FieldError::invalid(path, schedule, text));
        return;
    }
    let words = [
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ];
    if schedule.starts_with('@') {
        if !words.contains(&schedule) && !schedule.starts_with("@every ") {
            let text = format!("unrecognized descriptor: {schedule}");
            errors.push(FieldError::invalid(path, schedule, text));
        }
        return;
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != 5 {
        let text = format!(
            "expected exactly 5 fields, found {}: [{}]",
            fields.len(),
            fields.join(" ")
        );
        errors.push(FieldError::invalid(path, schedule, text));
    }
}
