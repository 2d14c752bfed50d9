use serde_json::json;

use super::{Census, Snapshot};
use crate::pod::PodInfo;
use crate::testing::{labelled, node, pod};

#[derive(Debug)]
struct Tagged;

impl Census for Tagged {
    fn topology_key(&self) -> &str {
        "zone"
    }

    fn counts_pod(&self, pod: &PodInfo) -> bool {
        pod.pod.metadata.labels.iter().flatten().next().is_some()
    }
}

fn zoned() -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        let zone = json!({ "zone": zone, "topology.kubernetes.io/zone": zone });
        snapshot.set_node(node(name, &zone, &json!({})));
    }
    snapshot
}

fn count(snapshot: &Snapshot, node: &str) -> Option<i64> {
    let tally = snapshot.tally("tagged".to_owned(), Box::new(Tagged));
    tally.at(snapshot.node(node).expect("a node"))
}

#[test]
fn a_tally_follows_pods_that_come_move_change_and_go() {
    let mut snapshot = zoned();
    let tagged = labelled("p", &json!({ "app": "x" }), &json!({}));
    assert_eq!(count(&snapshot, "a1"), Some(0));
    snapshot.place(&tagged, "a2");
    snapshot.place(&pod("q", &json!({})), "a2");
    assert_eq!(count(&snapshot, "a1"), Some(1), "a1 is of the same zone");
    snapshot.place(&tagged, "b1");
    assert_eq!(
        (count(&snapshot, "a1"), count(&snapshot, "b1")),
        (Some(0), Some(1))
    );
    snapshot.place(&pod("p", &json!({})), "b1");
    assert_eq!(count(&snapshot, "b1"), Some(0), "it lost its label");
    snapshot.place(&tagged, "b1");
    snapshot.remove("p");
    assert_eq!(count(&snapshot, "b1"), Some(0));
}

#[test]
fn a_tally_is_made_anew_when_a_node_changes_its_label() {
    let mut snapshot = zoned();
    snapshot.place(&labelled("p", &json!({ "app": "x" }), &json!({})), "a2");
    assert_eq!(count(&snapshot, "b1"), Some(0));
    snapshot.set_node(node("a2", &json!({ "zone": "b" }), &json!({})));
    assert_eq!(
        (count(&snapshot, "a1"), count(&snapshot, "b1")),
        (Some(0), Some(1))
    );
    snapshot.set_node(node("a2", &json!({}), &json!({})));
    assert_eq!(
        (count(&snapshot, "a2"), count(&snapshot, "b1")),
        (None, Some(0))
    );
}

#[test]
fn pods_of_a_node_that_is_gone_do_not_count() {
    let mut snapshot = zoned();
    snapshot.place(&labelled("p", &json!({ "app": "x" }), &json!({})), "a2");
    snapshot.remove_node("a2");
    assert_eq!(count(&snapshot, "a1"), Some(0));
    let names: Vec<&str> = snapshot.nodes().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["a1", "b1"]);
}

#[test]
fn what_running_pods_want_is_forgotten_with_the_last_of_them() {
    let mut snapshot = zoned();
    let term = json!({ "topologyKey": "zone", "labelSelector": {} });
    let alone = json!({ "affinity": { "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [term],
    } } });
    snapshot.place(&pod("p", &alone), "a1");
    assert_eq!(snapshot.standing().len(), 1);
    snapshot.place(&pod("q", &alone), "b1");
    let standing = snapshot.standing();
    assert_eq!(standing.len(), 1, "both want the same");
    assert_eq!(
        standing[0].tally.at(snapshot.node("a2").expect("a node")),
        Some(1)
    );
    snapshot.remove("p");
    assert_eq!(snapshot.standing().len(), 1);
    snapshot.remove("q");
    assert!(snapshot.standing().is_empty());
}

#[test]
fn neighbours_are_of_different_zones() {
    let snapshot = zoned();
    let from = |start| {
        let nodes = snapshot.nodes_from(start);
        nodes.map(|node| node.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(from(0), ["a1", "b1", "a2"]);
    assert_eq!(from(2), ["a2", "a1", "b1"]);
}
