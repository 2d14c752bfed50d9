use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::json;

use super::{Observed, Plan, plan};

fn service() -> Arc<Service> {
    let tree = json!({
        "metadata": { "name": "web", "namespace": "default", "uid": "s" },
        "spec": {
            "clusterIP": "10.96.0.10", "ipFamilies": ["IPv4"], "selector": { "app": "web" },
            "ports": [{ "port": 80, "targetPort": "http" }],
        },
    });
    Arc::new(serde_json::from_value(tree).unwrap())
}

fn pod(number: u8, is_ready: bool, is_leaving: bool) -> Arc<Pod> {
    let ready = if is_ready { "True" } else { "False" };
    let mut tree = json!({
        "metadata": { "name": format!("web-{number}"), "namespace": "default", "uid": format!("p{number}") },
        "spec": { "nodeName": "n", "containers": [{ "name": "c",
            "ports": [{ "name": "http", "containerPort": 8080 }] }] },
        "status": { "phase": "Running", "podIP": format!("10.0.0.{number}"),
            "conditions": [{ "type": "Ready", "status": ready }] },
    });
    if is_leaving {
        tree["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    Arc::new(serde_json::from_value(tree).unwrap())
}

fn pass(pods: Vec<Arc<Pod>>, slices: Vec<EndpointSlice>) -> Plan {
    let observed = Observed {
        service: service(),
        pods,
        slices: slices.into_iter().map(Arc::new).collect(),
        per_slice_max: 2,
    };
    plan(&observed, |_| None, Timestamp::UNIX_EPOCH)
}

fn sizes(slices: &[EndpointSlice]) -> Vec<usize> {
    slices
        .iter()
        .map(|slice| slice.endpoints.as_ref().map_or(0, Vec::len))
        .collect()
}

#[test]
fn splits_endpoints_over_slices_and_resolves_named_ports() {
    let plan = pass((1..=5).map(|n| pod(n, true, false)).collect(), vec![]);
    assert_eq!(sizes(&plan.create), [2, 2, 1]);
    assert_eq!(plan.create[0].ports.as_ref().unwrap()[0].port, Some(8080));
}

#[test]
fn a_service_without_pods_has_an_empty_slice() {
    let first = pass(vec![], vec![]);
    assert_eq!(sizes(&first.create), [0]);
    let again = pass(vec![], first.create);
    assert!(again.create.is_empty() && again.update.is_empty() && again.delete.is_empty());
}

#[test]
fn a_leaving_pod_may_serve_but_is_not_ready() {
    let plan = pass(vec![pod(1, true, true)], vec![]);
    let conditions = plan.create[0].endpoints.as_ref().unwrap()[0]
        .conditions
        .clone()
        .unwrap();
    assert_eq!(
        (conditions.ready, conditions.serving, conditions.terminating),
        (Some(false), Some(true), Some(true))
    );
}

#[test]
fn what_is_right_is_not_written_again() {
    let first = pass(vec![pod(1, true, false), pod(2, true, false)], vec![]);
    let again = pass(
        vec![pod(1, true, false), pod(2, true, false)],
        first.create.clone(),
    );
    assert!(again.create.is_empty() && again.update.is_empty() && again.delete.is_empty());
    let changed = pass(
        vec![pod(1, false, false), pod(2, true, false)],
        first.create,
    );
    assert_eq!((changed.create.len(), sizes(&changed.update)), (0, vec![2]));
}
