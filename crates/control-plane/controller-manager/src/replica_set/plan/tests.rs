use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::super::owner::Owner as _;
use super::{Action, Observed, plan, status};

fn observed(replicas: usize, pods: Vec<Pod>) -> Observed {
    let set: ReplicaSet = serde_json::from_value(json!({
        "metadata": { "name": "web", "generation": 2 },
        "spec": {
            "replicas": replicas, "minReadySeconds": 10,
            "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } } },
        },
    }))
    .unwrap();
    let active: Vec<Arc<Pod>> = pods.into_iter().map(Arc::new).collect();
    Observed {
        is_leaving: false,
        may_act: true,
        wanted: set.wanted(),
        related: active.clone(),
        active,
        terminating: 0,
    }
}

fn pod(name: &str, node: &str, ready_since: Option<&str>) -> Pod {
    let conditions: Vec<_> = ready_since
        .map(|since| json!({ "type": "Ready", "status": "True", "lastTransitionTime": since }))
        .into_iter()
        .collect();
    serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { "app": "web" } },
        "spec": { "nodeName": node, "containers": [] },
        "status": { "phase": "Running", "conditions": conditions },
    }))
    .unwrap()
}

fn now() -> Timestamp {
    "2026-01-01T00:00:10Z".parse().unwrap()
}

#[test]
fn creates_what_is_missing_but_not_more_than_a_burst() {
    let few = plan(&observed(3, vec![pod("a", "n", None)]), now());
    assert!(matches!(few.action, Action::Create(2)));
    let many = plan(&observed(2000, vec![]), now());
    assert!(matches!(many.action, Action::Create(500)));
}

#[test]
fn deletes_the_pod_that_shares_its_node() {
    let ready = Some("2026-01-01T00:00:00Z");
    let pods = vec![
        pod("a", "n1", ready),
        pod("b", "n2", ready),
        pod("c", "n2", ready),
    ];
    let Action::Delete(victims) = plan(&observed(2, pods), now()).action else {
        panic!("there is one pod too many");
    };
    assert_eq!(victims.len(), 1);
    assert_eq!(
        victims[0].spec.as_ref().unwrap().node_name.as_deref(),
        Some("n2")
    );
}

#[test]
fn does_nothing_while_earlier_actions_are_not_seen() {
    let mut observed = observed(3, vec![]);
    observed.may_act = false;
    assert!(matches!(plan(&observed, now()).action, Action::Nothing));
}

#[test]
fn looks_again_when_the_next_pod_becomes_available() {
    let observed = observed(1, vec![pod("a", "n", Some("2026-01-01T00:00:04Z"))]);
    assert_eq!(plan(&observed, now()).then, Some(Duration::from_secs(4)));
    let report = status(&observed, None, now());
    assert_eq!(
        (report.ready_replicas, report.available_replicas),
        (Some(1), None)
    );
    assert_eq!(report.observed_generation, Some(2));
}
