use serde_json::{Value, json};

use super::*;

fn deployment(status: &Value) -> Deployment {
    let object = json!({
        "metadata": { "name": "a", "generation": 2 },
        "spec": { "replicas": 2, "selector": {}, "template": {} },
        "status": status,
    });
    serde_json::from_value(object).unwrap()
}

#[test]
fn a_deployment_runs_when_all_pods_of_its_newest_template_are_available() {
    let status = json!({ "observedGeneration": 2, "updatedReplicas": 2, "availableReplicas": 2 });
    assert!(is_available(&deployment(&status)));
}

#[test]
fn a_deployment_that_the_controller_has_not_seen_does_not_run() {
    let status = json!({ "observedGeneration": 1, "updatedReplicas": 2, "availableReplicas": 2 });
    assert!(!is_available(&deployment(&status)));
}

#[test]
fn a_deployment_in_the_middle_of_a_rollout_does_not_run() {
    let status = json!({ "observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 2 });
    assert!(!is_available(&deployment(&status)));
}

#[test]
fn says_why_a_pod_waits() {
    let pod = json!({
        "metadata": { "name": "a-1" },
        "status": {
            "conditions": [{ "type": "Ready", "status": "False", "reason": "ContainersNotReady" }],
            "containerStatuses": [{
                "name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": { "waiting": { "reason": "ErrImageNeverPull", "message": "no image a:v1" } },
            }],
        },
    });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    assert_eq!(
        trouble(&pod).unwrap(),
        "pod a-1: ErrImageNeverPull, no image a:v1"
    );
}

#[test]
fn says_why_a_pod_has_no_node() {
    let pod = json!({
        "metadata": { "name": "a-1" },
        "status": { "conditions": [{
            "type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/2 nodes are available",
        }]},
    });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    assert_eq!(
        trouble(&pod).unwrap(),
        "pod a-1: Unschedulable, 0/2 nodes are available"
    );
}

fn node(address: &str, labels: &Value) -> Arc<Node> {
    let addresses = json!([{ "type": "Hostname", "address": "a" }, { "type": "InternalIP", "address": address }]);
    let node = json!({ "metadata": { "labels": labels }, "status": { "addresses": addresses } });
    Arc::new(serde_json::from_value(node).unwrap())
}

#[test]
fn the_address_is_a_workers_if_there_is_one() {
    let control_plane = node(
        "10.0.0.2",
        &json!({ "node-role.kubernetes.io/control-plane": "" }),
    );
    let worker = node("10.0.0.3", &json!({}));
    assert_eq!(
        address(&[control_plane.clone(), worker]).unwrap(),
        "10.0.0.3"
    );
    assert_eq!(address(&[control_plane]).unwrap(), "10.0.0.2");
}
