use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::super::count;
use super::{Observed, Plan, plan};

fn observed(spec: Value, status: &Value, pods: Vec<Value>) -> Observed {
    let mut spec = spec;
    spec["template"] = json!({});
    let job = json!({ "metadata": { "name": "j", "uid": "j" }, "spec": spec, "status": status });
    let pods = pods
        .into_iter()
        .map(|pod| Arc::new(serde_json::from_value::<Pod>(pod).unwrap()));
    Observed {
        job: Arc::new(serde_json::from_value(job).unwrap()),
        may_act: true,
        pods: pods.collect(),
    }
}

fn pass(spec: Value, status: &Value, pods: Vec<Value>) -> Plan {
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
    plan(&observed(spec, status, pods), now)
}

fn pod(uid: &str, phase: &str, is_tracked: bool) -> Value {
    let finalizers = if is_tracked {
        json!(["batch.kubernetes.io/job-tracking"])
    } else {
        json!([])
    };
    json!({ "metadata": { "name": uid, "uid": uid, "finalizers": finalizers },
        "status": { "phase": phase } })
}

fn conditions(plan: &Plan) -> Vec<&str> {
    plan.status
        .conditions
        .iter()
        .flatten()
        .map(|condition| condition.type_.as_str())
        .collect()
}

#[test]
fn runs_as_many_as_are_missing_in_parallel() {
    let spec = json!({ "completions": 5, "parallelism": 3 });
    let plan = pass(
        spec,
        &json!({ "succeeded": 3 }),
        vec![pod("a", "Running", true)],
    );
    assert_eq!(plan.create.len(), 1);
}

#[test]
fn counts_a_pod_once() {
    let spec = json!({ "completions": 1 });
    let first = count::count(&observed(
        spec.clone(),
        &json!({}),
        vec![pod("a", "Succeeded", true)],
    ));
    assert_eq!((first.release.len(), first.settled.succeeded), (1, Some(1)));
    // The finalizer is gone, but the count was not written: the note counts, not the pod.
    let status = json!({ "uncountedTerminatedPods": { "succeeded": ["a"] } });
    let again = count::count(&observed(spec, &status, vec![pod("a", "Succeeded", false)]));
    assert_eq!((again.release.len(), again.settled.succeeded), (0, Some(1)));
}

#[test]
fn decides_before_it_ends() {
    let spec = json!({ "completions": 1 });
    let running = pass(
        spec.clone(),
        &json!({ "succeeded": 1 }),
        vec![pod("a", "Running", true)],
    );
    assert_eq!(
        (conditions(&running), running.delete.len()),
        (vec!["SuccessCriteriaMet"], 1)
    );
    let over = pass(spec, &json!({ "succeeded": 1 }), vec![]);
    assert_eq!(conditions(&over), ["SuccessCriteriaMet", "Complete"]);
}

#[test]
fn gives_up_beyond_the_limit_of_failures() {
    let plan = pass(
        json!({ "backoffLimit": 1 }),
        &json!({ "failed": 2 }),
        vec![],
    );
    assert_eq!(conditions(&plan), ["FailureTarget", "Failed"]);
    assert_eq!(
        plan.status.conditions.unwrap()[1].reason.as_deref(),
        Some("BackoffLimitExceeded")
    );
}

#[test]
fn a_suspended_job_has_no_pods() {
    let plan = pass(
        json!({ "suspend": true }),
        &json!({}),
        vec![pod("a", "Running", true)],
    );
    assert_eq!(
        (conditions(&plan), plan.delete.len()),
        (vec!["Suspended"], 1)
    );
}

#[test]
fn an_indexed_job_fills_its_gaps() {
    let spec = json!({ "completionMode": "Indexed", "completions": 4, "parallelism": 4 });
    let plan = pass(
        spec,
        &json!({ "succeeded": 2, "completedIndexes": "0,2" }),
        vec![],
    );
    let indexes: Vec<_> = plan
        .create
        .iter()
        .filter_map(|creation| creation.index)
        .collect();
    assert_eq!(indexes, [1, 3]);
}

#[test]
fn waits_after_a_failure() {
    let mut failed = pod("a", "Failed", false);
    failed["status"]["containerStatuses"] = json!([{ "name": "c", "image": "", "imageID": "",
        "ready": false, "restartCount": 0,
        "state": { "terminated": { "exitCode": 1, "finishedAt": "2026-01-01T00:00:57Z" } } }]);
    let plan = pass(json!({}), &json!({ "failed": 1 }), vec![failed]);
    assert_eq!(
        (plan.create.len(), plan.then.map(|then| then.as_secs())),
        (0, Some(7))
    );
}
