use serde_json::json;

use super::choose;
use crate::plugins;
use crate::report;
use crate::testing::{node, pod, snapshot};

#[test]
fn the_text_counts_reasons_as_upstream_does() {
    let mut snapshot = snapshot(&["b"]);
    let taint = json!({ "taints": [{ "key": "k", "effect": "NoSchedule" }] });
    snapshot.set_node(node("a", &json!({}), &taint));
    let big = json!([{ "name": "c", "resources": { "requests": { "cpu": "64" } } }]);
    let big = pod("big", &json!({ "containers": big }));
    let diagnosis = choose(&plugins::default(None), &big, &snapshot, 0).expect_err("fits nowhere");
    let after = report::preemption(&diagnosis);
    assert_eq!(
        report::text(&diagnosis, &after),
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). \
         preemption: 0/2 nodes are available: \
         2 Preemption is not helpful for scheduling."
    );
}

#[test]
fn a_selector_decides() {
    let mut snapshot = snapshot(&["a", "b"]);
    snapshot.set_node(node("c", &json!({ "disk": "fast" }), &json!({})));
    let wanting = pod("p", &json!({ "nodeSelector": { "disk": "fast" } }));
    for turn in 0..3 {
        let chosen = choose(&plugins::default(None), &wanting, &snapshot, turn);
        assert_eq!(chosen.as_deref(), Ok("c"));
    }
}

#[test]
fn pods_spread_over_equal_nodes() {
    let mut snapshot = snapshot(&["a", "b", "c"]);
    let mut chosen = Vec::new();
    for name in ["p", "q", "r"] {
        let info = pod(name, &json!({}));
        let node = choose(&plugins::default(None), &info, &snapshot, 0).expect("fits");
        snapshot.place(&info, &node);
        chosen.push(node);
    }
    chosen.sort();
    assert_eq!(chosen, ["a", "b", "c"]);
}

#[test]
fn room_for_pods_ends() {
    let mut snapshot = snapshot(&["a"]);
    for name in ["p", "q", "r"] {
        snapshot.place(&pod(name, &json!({})), "a");
    }
    let diagnosis = choose(&plugins::default(None), &pod("s", &json!({})), &snapshot, 0);
    let diagnosis = diagnosis.expect_err("three pods are the most");
    assert_eq!(diagnosis.reasons.get("Too many pods"), Some(&1));
    assert!(snapshot.remove("q"));
    assert!(choose(&plugins::default(None), &pod("s", &json!({})), &snapshot, 0).is_ok());
}

#[test]
fn a_port_of_the_node_is_taken_once() {
    let mut snapshot = snapshot(&["a"]);
    let ports = |address: &str| {
        let port = json!({ "containerPort": 80, "hostPort": 80, "hostIP": address });
        json!({ "containers": [{ "name": "c", "ports": [port] }] })
    };
    snapshot.place(&pod("p", &ports("10.0.0.1")), "a");
    assert!(choose(&plugins::default(None), &pod("q", &ports("")), &snapshot, 0).is_err());
    assert!(
        choose(
            &plugins::default(None),
            &pod("q", &ports("10.0.0.2")),
            &snapshot,
            0
        )
        .is_ok()
    );
}

#[test]
fn what_is_not_known_is_named() {
    let wanting = pod("p", &json!({ "resourceClaims": [{ "name": "gpu" }] }));
    let diagnosis = choose(&plugins::default(None), &wanting, &snapshot(&["a"]), 0);
    let general = diagnosis.expect_err("not known").general;
    assert_eq!(
        general.as_deref(),
        Some("resourceClaims are not implemented")
    );
}

#[test]
fn in_large_clusters_some_nodes_that_fit_are_enough() {
    // Upstream's `numFeasibleNodesToFind`.
    for (nodes, compared) in [
        (3, 3),
        (100, 100),
        (150, 100),
        (1000, 420),
        (6000, 300),
        (0, 0),
    ] {
        assert_eq!(super::compared(nodes), compared, "{nodes} nodes");
    }
}
