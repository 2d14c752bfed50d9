use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::policy::v1::PodDisruptionBudgetStatus;
use serde_json::{Value, json};

use super::{Expected, Observed, plan};

const NOW: &str = "2026-01-01T00:10:00Z";

fn pod(number: usize) -> Value {
    json!({
        "metadata": { "name": format!("web-{number}") },
        "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
    })
}

fn pass(
    spec: &Value,
    status: &Value,
    pods: Vec<Value>,
    expected: Expected,
) -> PodDisruptionBudgetStatus {
    let budget = json!({ "metadata": { "generation": 2 }, "spec": spec, "status": status });
    let parse = |tree: Value| Arc::new(serde_json::from_value(tree).unwrap());
    let observed = Observed {
        budget: Arc::new(serde_json::from_value(budget).unwrap()),
        pods: pods.into_iter().map(parse).collect(),
        expected,
    };
    plan(&observed, NOW.parse::<Timestamp>().unwrap()).0
}

fn allowed(spec: &Value, ready: usize, expected: i32) -> i32 {
    let status = pass(
        spec,
        &json!(null),
        (0..ready).map(pod).collect(),
        Ok(expected),
    );
    status.disruptions_allowed.unwrap()
}

#[test]
fn what_is_healthy_beyond_what_has_to_be_may_go() {
    assert_eq!(allowed(&json!({ "minAvailable": 2 }), 3, 3), 1);
    assert_eq!(allowed(&json!({ "minAvailable": "50%" }), 3, 3), 1);
    assert_eq!(allowed(&json!({ "maxUnavailable": 1 }), 3, 3), 1);
    assert_eq!(allowed(&json!({ "maxUnavailable": 1 }), 2, 3), 0);
    assert_eq!(allowed(&json!({ "maxUnavailable": "30%" }), 10, 10), 3);
}

#[test]
fn a_budget_that_covers_nothing_allows_nothing() {
    assert_eq!(allowed(&json!({ "minAvailable": 0 }), 0, 0), 0);
}

#[test]
fn what_cannot_be_counted_allows_nothing_and_says_why() {
    let known = json!({ "currentHealthy": 3, "desiredHealthy": 1, "disruptionsAllowed": 2,
                        "expectedPods": 3 });
    let spec = json!({ "maxUnavailable": 1 });
    let status = pass(&spec, &known, vec![pod(1)], Err("no controller".to_owned()));
    let condition = &status.conditions.as_ref().unwrap()[0];
    assert_eq!(status.disruptions_allowed, Some(0));
    assert_eq!(
        (condition.reason.as_str(), condition.message.as_str()),
        ("SyncFailed", "no controller")
    );
}

#[test]
fn a_pod_whose_eviction_was_allowed_counts_again_if_it_does_not_go() {
    let spec = json!({ "minAvailable": 1 });
    let since = |time: &str| {
        json!({ "currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 0,
                "expectedPods": 2, "disruptedPods": { "web-1": time } })
    };
    let healthy = |time: &str| {
        let status = pass(&spec, &since(time), vec![pod(0), pod(1)], Ok(2));
        (
            status.current_healthy.unwrap(),
            status.disrupted_pods.is_some(),
        )
    };
    assert_eq!(healthy("2026-01-01T00:09:00Z"), (1, true));
    assert_eq!(healthy("2026-01-01T00:01:00Z"), (2, false));
}
