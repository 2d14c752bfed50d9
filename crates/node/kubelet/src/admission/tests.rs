use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::json;
use styr_meta::Quantity;

use super::check;

fn pod(cpu: &str, port: i32) -> Pod {
    serde_json::from_value(json!({
        "metadata": { "name": "a" },
        "spec": {
            "nodeSelector": { "zone": "one" },
            "containers": [{
                "name": "c",
                "resources": { "requests": { "cpu": cpu } },
                "ports": [{ "containerPort": 80, "hostPort": port }],
            }],
        },
    }))
    .unwrap()
}

#[track_caller]
fn refused(pod: &Pod, others: &[Arc<Pod>], zone: &str) -> (String, String) {
    let node = json!({ "metadata": { "name": "n", "labels": { "zone": zone } } });
    let node: Node = serde_json::from_value(node).unwrap();
    let allocatable = BTreeMap::from([("cpu".to_owned(), Quantity::from_units(2))]);
    check(pod, others, Some(&node), &allocatable).unwrap_err()
}

#[test]
fn a_pod_that_is_too_large_is_refused() {
    let others = [Arc::new(pod("1500m", 1))];
    let (reason, message) = refused(&pod("1", 2), &others, "one");
    assert_eq!(reason, "OutOfcpu");
    assert_eq!(
        message,
        "Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000"
    );
}

#[test]
fn a_port_is_given_once() {
    let others = [Arc::new(pod("1m", 80))];
    assert_eq!(refused(&pod("1m", 80), &others, "one").0, "NodePorts");
}

#[test]
fn labels_of_the_node_must_match() {
    assert_eq!(refused(&pod("1m", 80), &[], "two").0, "NodeAffinity");
}

#[test]
fn settings_of_the_kernel_must_be_allowed() {
    let spec = json!({ "containers": [], "securityContext": { "sysctls": [{ "name": "kernel.msgmax", "value": "1" }] } });
    let pod: Pod = serde_json::from_value(json!({ "spec": spec })).unwrap();
    let (reason, message) = super::host::sysctls(&pod, &[]).unwrap_err();
    assert_eq!(reason, "SysctlForbidden");
    assert_eq!(
        message,
        "forbidden sysctl: \"kernel.msgmax\" not allowlisted"
    );
    assert_eq!(
        super::host::sysctls(&pod, &["kernel.msg*".to_owned()]),
        Ok(())
    );
}
