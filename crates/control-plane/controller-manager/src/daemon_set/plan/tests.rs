use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use super::{Observed, Plan, plan};

fn node(name: &str, taints: &Value) -> Arc<Node> {
    let tree = json!({ "metadata": { "name": name }, "spec": { "taints": taints } });
    Arc::new(serde_json::from_value(tree).unwrap())
}

fn pod(name: &str, node: &str, hash: &str, phase: &str) -> Arc<Pod> {
    let ready = if phase == "Running" { "True" } else { "False" };
    let tree = json!({
        "metadata": { "name": name, "labels": { "controller-revision-hash": hash } },
        "spec": { "nodeName": node, "containers": [] },
        "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": ready }] },
    });
    Arc::new(serde_json::from_value(tree).unwrap())
}

fn pass(strategy: &Value, nodes: Vec<Arc<Node>>, pods: Vec<Arc<Pod>>) -> Plan {
    let daemon_set: DaemonSet = serde_json::from_value(json!({
        "metadata": { "name": "agent" },
        "spec": { "selector": {}, "template": {}, "updateStrategy": strategy },
    }))
    .unwrap();
    let observed = Observed {
        daemon_set: Arc::new(daemon_set),
        may_act: true,
        hash: "new".to_owned(),
        nodes,
        pods,
    };
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
    plan(&observed, now)
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.remove
        .iter()
        .filter_map(|removal| removal.pod.metadata.name.as_deref())
        .collect()
}

#[test]
fn every_node_without_a_forbidding_taint_gets_a_pod() {
    let taint = json!([{ "key": "a", "effect": "NoSchedule" }]);
    let pressure = json!([{ "key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule" }]);
    let nodes = vec![
        node("n1", &json!(null)),
        node("n2", &taint),
        node("n3", &pressure),
    ];
    let plan = pass(&json!({}), nodes, vec![]);
    assert_eq!(plan.create, ["n1", "n3"]);
    assert_eq!(plan.status.desired_number_scheduled, 2);
}

#[test]
fn a_pod_stays_under_no_schedule_and_leaves_under_no_execute() {
    let nodes = vec![
        node("n1", &json!([{ "key": "a", "effect": "NoSchedule" }])),
        node("n2", &json!([{ "key": "a", "effect": "NoExecute" }])),
    ];
    let pods = vec![
        pod("p1", "n1", "new", "Running"),
        pod("p2", "n2", "new", "Running"),
    ];
    let plan = pass(&json!({}), nodes, pods);
    assert_eq!(names(&plan), ["p2"]);
    assert_eq!(plan.status.number_misscheduled, 2);
}

#[test]
fn an_update_takes_one_node_at_a_time() {
    let nodes = vec![node("n1", &json!(null)), node("n2", &json!(null))];
    let pods = vec![
        pod("p1", "n1", "old", "Running"),
        pod("p2", "n2", "old", "Running"),
    ];
    let plan = pass(&json!({ "type": "RollingUpdate" }), nodes, pods);
    assert_eq!(names(&plan), ["p1"]);
}

#[test]
fn an_update_with_surge_creates_before_it_removes() {
    let strategy = json!({ "type": "RollingUpdate", "rollingUpdate": {
        "maxSurge": 1, "maxUnavailable": 0 } });
    let nodes = vec![node("n1", &json!(null))];
    let first = pass(
        &strategy,
        nodes.clone(),
        vec![pod("p1", "n1", "old", "Running")],
    );
    assert_eq!(
        (first.create.as_slice(), names(&first)),
        (["n1".to_owned()].as_slice(), vec![])
    );
    let both = vec![
        pod("p1", "n1", "old", "Running"),
        pod("p2", "n1", "new", "Running"),
    ];
    let second = pass(&strategy, nodes, both);
    assert_eq!(
        (second.create.is_empty(), names(&second)),
        (true, vec!["p1"])
    );
}

#[test]
fn a_failed_pod_is_replaced() {
    let plan = pass(
        &json!({}),
        vec![node("n1", &json!(null))],
        vec![pod("p", "n1", "new", "Failed")],
    );
    assert_eq!(plan.remove[0].failed_on.as_deref(), Some("n1"));
}
