use std::cmp::Ordering;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::deletion_order;

fn pod(tree: Value) -> Pod {
    serde_json::from_value(tree).unwrap()
}

fn check(first: Value, second: Value) {
    let (first, second) = (pod(first), pod(second));
    let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
    assert_eq!(
        deletion_order((&first, 0), (&second, 0), now),
        Ordering::Less
    );
    assert_eq!(
        deletion_order((&second, 0), (&first, 0), now),
        Ordering::Greater
    );
}

#[test]
fn unassigned_pods_go_before_assigned_ones() {
    check(
        json!({"metadata": {}}),
        json!({"metadata": {}, "spec": {"nodeName": "a", "containers": []}}),
    );
}

#[test]
fn pending_pods_go_before_running_ones() {
    check(
        json!({"metadata": {}, "status": {"phase": "Pending"}}),
        json!({"metadata": {}, "status": {"phase": "Running"}}),
    );
}

#[test]
fn cheap_pods_go_before_dear_ones() {
    let cost = |cost: &str| {
        json!({"metadata": {"annotations": {
        "controller.kubernetes.io/pod-deletion-cost": cost}}})
    };
    check(cost("-1"), json!({"metadata": {}}));
    check(json!({"metadata": {}}), cost("5"));
}

#[test]
fn much_younger_pods_go_before_older_ones() {
    check(
        json!({"metadata": {"uid": "b", "creationTimestamp": "2026-01-01T23:59:00Z"}}),
        json!({"metadata": {"uid": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}}),
    );
}

#[test]
fn the_order_holds_for_any_three_pods() {
    let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
    let mut pods = Vec::new();
    // Within a magnitude: two times, each with and without a restart, and every order of uids.
    for (number, (second, restarts)) in [(1, 0), (1, 1), (2, 0), (2, 1), (1, 0), (2, 0)]
        .into_iter()
        .enumerate()
    {
        let time = format!("2026-01-01T23:00:0{second}Z");
        for uid in [format!("a{number}"), format!("b{}", 9 - number)] {
            pods.push(pod(json!({
                "metadata": {"uid": uid, "creationTimestamp": "2026-01-01T22:59:00Z"},
                "status": {
                    "phase": "Running",
                    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": time}],
                    "containerStatuses": [{
                        "name": "a", "image": "", "imageID": "",
                        "ready": true, "restartCount": restarts,
                    }],
                },
            })));
        }
    }
    let less = |a: &Pod, b: &Pod| deletion_order((a, 0), (b, 0), now) == Ordering::Less;
    for a in &pods {
        for b in &pods {
            for c in &pods {
                assert!(!(less(a, b) && less(b, c)) || less(a, c));
            }
        }
    }
}
