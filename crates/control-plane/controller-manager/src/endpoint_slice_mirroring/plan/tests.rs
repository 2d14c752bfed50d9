use std::sync::Arc;

use k8s_openapi::api::core::v1::Endpoints;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

use super::{Plan, plan};

fn endpoints(subsets: &Value) -> Endpoints {
    let tree = json!({
        "metadata": { "name": "db", "namespace": "default", "uid": "u", "labels": { "a": "b" },
                      "annotations": { "kept": "1",
                          "endpoints.kubernetes.io/last-change-trigger-time": "now" } },
        "subsets": subsets,
    });
    serde_json::from_value(tree).unwrap()
}

fn one_port(number: u16, addresses: &[&str]) -> Value {
    let addresses: Vec<_> = addresses.iter().map(|ip| json!({ "ip": ip })).collect();
    json!({ "addresses": addresses, "ports": [{ "port": number, "protocol": "TCP" }] })
}

/// As the server would keep what is created.
fn made(plan: Plan) -> Vec<Arc<EndpointSlice>> {
    assert!(plan.update.is_empty() && plan.delete.is_empty());
    plan.create.into_iter().map(Arc::new).collect()
}

#[test]
fn families_and_ports_are_slices_of_their_own() {
    let subsets = json!([
        one_port(80, &["10.0.0.1", "fd00::1"]),
        one_port(81, &["10.0.0.2"])
    ]);
    let slices = made(plan(&endpoints(&subsets), &[], 1000).0);
    let mut kinds: Vec<_> = slices
        .iter()
        .map(|slice| {
            (
                slice.address_type.as_str(),
                slice.ports.as_ref().unwrap()[0].port.unwrap(),
            )
        })
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [("IPv4", 80), ("IPv4", 81), ("IPv6", 80)]);
}

#[test]
fn labels_are_copied_and_some_annotations_are_not() {
    let slices = made(plan(&endpoints(&json!([one_port(80, &["10.0.0.1"])])), &[], 1000).0);
    let metadata = serde_json::to_value(&slices[0].metadata).unwrap();
    assert_eq!(metadata["annotations"], json!({ "kept": "1" }));
    assert_eq!(
        metadata["labels"],
        json!({
            "a": "b", "kubernetes.io/service-name": "db",
            "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
        })
    );
}

#[test]
fn what_is_copied_already_is_left_alone() {
    let source = endpoints(&json!([one_port(80, &["10.0.0.1", "10.0.0.2"])]));
    let slices = made(plan(&source, &[], 1000).0);
    let (again, _) = plan(&source, &slices, 1000);
    assert!(again.create.is_empty() && again.update.is_empty() && again.delete.is_empty());
}

#[test]
fn a_slice_whose_ports_are_gone_is_used_for_those_that_came() {
    let slices = made(plan(&endpoints(&json!([one_port(80, &["10.0.0.1"])])), &[], 1000).0);
    let (next, _) = plan(
        &endpoints(&json!([one_port(81, &["10.0.0.1"])])),
        &slices,
        1000,
    );
    assert_eq!(
        (next.create.len(), next.update.len(), next.delete.len()),
        (0, 1, 0)
    );
}

#[test]
fn without_addresses_there_is_no_slice() {
    let slices = made(plan(&endpoints(&json!([one_port(80, &["10.0.0.1"])])), &[], 1000).0);
    let (next, _) = plan(&endpoints(&json!([])), &slices, 1000);
    assert_eq!(
        (next.create.len(), next.update.len(), next.delete.len()),
        (0, 0, 1)
    );
}

#[test]
fn addresses_beyond_the_limit_are_counted() {
    let source = endpoints(&json!([one_port(
        80,
        &["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    )]));
    let (next, skipped) = plan(&source, &[], 2);
    assert_eq!(
        (next.create[0].endpoints.as_ref().unwrap().len(), skipped),
        (2, 1)
    );
}
