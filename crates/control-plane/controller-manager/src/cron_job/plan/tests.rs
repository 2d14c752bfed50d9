use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use serde_json::{Value, json};

use super::{Observed, Plan, plan};

const NOW: &str = "2026-01-01T10:00:30Z";

fn cron_job(spec: &Value, status: &Value) -> CronJob {
    let mut tree = json!({
        "metadata": { "name": "tick", "namespace": "default", "uid": "c",
                      "creationTimestamp": "2026-01-01T09:59:00Z" },
        "spec": { "schedule": "0 * * * *", "jobTemplate": { "spec": { "template": {} } } },
        "status": status,
    });
    for (name, value) in spec.as_object().unwrap() {
        tree["spec"][name] = value.clone();
    }
    serde_json::from_value(tree).unwrap()
}

fn job(name: &str, end: Option<&str>) -> Arc<Job> {
    let conditions = end.map(|end| json!([{ "type": end, "status": "True" }]));
    let tree = json!({
        "metadata": { "name": name, "namespace": "default", "uid": name },
        "status": { "conditions": conditions, "startTime": "2026-01-01T09:00:00Z",
                    "completionTime": end.map(|_| "2026-01-01T09:01:00Z") },
    });
    Arc::new(serde_json::from_value(tree).unwrap())
}

fn pass(spec: &Value, status: &Value, jobs: Vec<Arc<Job>>) -> Plan {
    let observed = Observed {
        cron_job: Arc::new(cron_job(spec, status)),
        jobs,
        missing: Vec::new(),
    };
    plan(&observed, NOW.parse::<Timestamp>().unwrap())
}

fn reasons(plan: &Plan) -> Vec<&str> {
    plan.events.iter().map(|(_, reason, _)| *reason).collect()
}

fn active(name: &str) -> Value {
    json!({ "active": [{ "name": name, "uid": name }] })
}

#[test]
fn a_job_is_made_when_it_is_due_and_named_after_the_time() {
    let plan = pass(&json!({}), &json!({}), vec![]);
    let made = plan.create.unwrap();
    assert_eq!(made.metadata.name.as_deref(), Some("tick-29454360"));
    let annotations = made.metadata.annotations.unwrap();
    let at = "batch.kubernetes.io/cronjob-scheduled-timestamp";
    assert_eq!(annotations[at], "2026-01-01T10:00:00Z");
    assert_eq!(plan.then.unwrap().as_secs(), 59 * 60 + 30);
}

#[test]
fn what_was_made_already_is_not_made_again() {
    let status = json!({ "lastScheduleTime": "2026-01-01T10:00:00Z" });
    assert!(pass(&json!({}), &status, vec![]).create.is_none());
}

#[test]
fn a_suspended_one_makes_nothing() {
    let plan = pass(&json!({ "suspend": true }), &json!({}), vec![]);
    assert!(plan.create.is_none() && plan.then.is_none());
}

#[test]
fn forbid_waits_for_the_running_job_and_replace_ends_it() {
    let running = || vec![job("tick-1", None)];
    let plan = pass(
        &json!({ "concurrencyPolicy": "Forbid" }),
        &active("tick-1"),
        running(),
    );
    assert_eq!(
        (plan.create.is_none(), reasons(&plan)),
        (true, vec!["JobAlreadyActive"])
    );
    let plan = pass(
        &json!({ "concurrencyPolicy": "Replace" }),
        &active("tick-1"),
        running(),
    );
    assert_eq!((plan.create.is_some(), plan.delete.len()), (true, 1));
}

#[test]
fn what_is_too_late_is_not_started() {
    let plan = pass(
        &json!({ "startingDeadlineSeconds": 10 }),
        &json!({}),
        vec![],
    );
    assert!(plan.create.is_none());
}

#[test]
fn a_job_that_has_ended_is_no_longer_active() {
    let plan = pass(
        &json!({}),
        &active("tick-1"),
        vec![job("tick-1", Some("Complete"))],
    );
    assert_eq!(reasons(&plan), ["SawCompletedJob"]);
    assert!(plan.status.active.unwrap().is_empty());
    assert!(plan.status.last_successful_time.is_some());
}

#[test]
fn only_so_many_that_have_ended_are_kept() {
    let jobs = (0..5).map(|n| job(&format!("tick-{n}"), Some("Complete")));
    let plan = pass(
        &json!({ "successfulJobsHistoryLimit": 2 }),
        &json!({}),
        jobs.collect(),
    );
    let names: Vec<_> = plan
        .delete
        .iter()
        .filter_map(|job| job.metadata.name.as_deref())
        .collect();
    assert_eq!(names, ["tick-0", "tick-1", "tick-2"]);
}

#[test]
fn what_cannot_be_understood_is_told() {
    let plan = pass(&json!({ "schedule": "often" }), &json!({}), vec![]);
    assert_eq!(reasons(&plan), ["UnparseableSchedule"]);
    let plan = pass(&json!({ "timeZone": "Mars/Olympus" }), &json!({}), vec![]);
    assert_eq!(reasons(&plan), ["UnknownTimeZone"]);
}
