use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Observed, Plan, plan};

fn pass(node: Value, silence: u64) -> Plan {
    let observed = Observed {
        node: Arc::new(serde_json::from_value(node).unwrap()),
        silence: Duration::from_secs(silence),
        grace: Duration::from_secs(50),
        startup_grace: Duration::from_secs(60),
    };
    plan(&observed, Timestamp::UNIX_EPOCH)
}

fn taints(plan: &Plan) -> Vec<(String, String)> {
    let taints = plan.taints.clone().unwrap_or_default();
    taints
        .into_iter()
        .map(|taint| (taint.key, taint.effect))
        .collect()
}

fn node(ready: &str) -> Value {
    json!({ "metadata": { "name": "n" },
        "status": { "conditions": [{ "type": "Ready", "status": ready }] } })
}

#[test]
fn a_silent_node_becomes_unknown_and_unreachable() {
    let plan = pass(node("True"), 50);
    assert_eq!(plan.conditions.len(), 4);
    assert_eq!(
        plan.conditions[0].reason.as_deref(),
        Some("NodeStatusUnknown")
    );
    let key = "node.kubernetes.io/unreachable".to_owned();
    assert_eq!(
        taints(&plan),
        [
            (key.clone(), "NoSchedule".into()),
            (key, "NoExecute".into())
        ]
    );
    assert!(plan.pods_are_unready);
}

#[test]
fn a_node_that_speaks_is_looked_at_when_its_grace_is_over() {
    let plan = pass(node("True"), 20);
    assert_eq!(plan.then, Some(Duration::from_secs(30)));
    assert!(plan.conditions.is_empty() && plan.taints.is_none());
}

#[test]
fn a_node_that_is_well_again_loses_our_taints_only() {
    let mut node = node("True");
    node["spec"] = json!({ "taints": [
        { "key": "node.kubernetes.io/not-ready", "effect": "NoExecute" },
        { "key": "theirs", "effect": "NoSchedule" },
    ] });
    assert_eq!(
        taints(&pass(node, 0)),
        [("theirs".to_owned(), "NoSchedule".to_owned())]
    );
}

#[test]
fn a_cordoned_node_is_tainted() {
    let mut node = node("True");
    node["spec"] = json!({ "unschedulable": true });
    let key = "node.kubernetes.io/unschedulable".to_owned();
    assert_eq!(taints(&pass(node, 0)), [(key, "NoSchedule".to_owned())]);
}
