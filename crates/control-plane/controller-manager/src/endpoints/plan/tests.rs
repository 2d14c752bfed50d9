use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use serde_json::{Value, json};

use super::{ADDRESSES_MAX, OVER_CAPACITY, Observed, Plan, plan};

fn service() -> Value {
    json!({
        "metadata": { "name": "web", "namespace": "default", "labels": { "app": "web" } },
        "spec": {
            "clusterIP": "10.96.0.9", "selector": { "app": "web" },
            "ports": [
                { "name": "http", "port": 80, "targetPort": "web", "protocol": "TCP" },
                { "name": "metrics", "port": 81, "targetPort": 8081, "protocol": "TCP" },
            ],
        },
    })
}

fn pod(number: usize, ready: bool) -> Value {
    json!({
        "metadata": { "name": format!("web-{number}"), "namespace": "default",
                      "uid": format!("uid-{number:05}") },
        "spec": { "nodeName": "one", "containers": [{ "name": "c", "ports": [
            { "name": "web", "containerPort": 8080, "protocol": "TCP" }] }] },
        "status": {
            "podIPs": [{ "ip": format!("10.0.{}.{}", number / 250, number % 250) }],
            "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
        },
    })
}

fn pass(service: Value, pods: Vec<Value>, current: Option<Endpoints>) -> Plan {
    let pods = pods
        .into_iter()
        .map(|tree| Arc::new(serde_json::from_value::<Pod>(tree).unwrap()));
    let observed = Observed {
        service: Arc::new(serde_json::from_value::<Service>(service).unwrap()),
        pods: pods.collect(),
        current: current.map(Arc::new),
    };
    plan(&observed, Timestamp::UNIX_EPOCH)
}

fn created(plan: Plan) -> Endpoints {
    match plan {
        Plan::Create(endpoints) => endpoints,
        other => panic!("expected a creation, got {other:?}"),
    }
}

#[test]
fn pods_with_the_same_ports_are_one_subset_apart_by_readiness() {
    let made = created(pass(service(), vec![pod(1, true), pod(2, false)], None));
    let target = |number: usize| {
        json!({ "kind": "Pod", "namespace": "default", "name": format!("web-{number}"),
                "uid": format!("uid-{number:05}") })
    };
    let expected = json!([{
        "addresses": [{ "ip": "10.0.0.1", "nodeName": "one", "targetRef": target(1) }],
        "notReadyAddresses": [{ "ip": "10.0.0.2", "nodeName": "one", "targetRef": target(2) }],
        "ports": [
            { "name": "http", "port": 8080, "protocol": "TCP" },
            { "name": "metrics", "port": 8081, "protocol": "TCP" },
        ],
    }]);
    assert_eq!(serde_json::to_value(made.subsets).unwrap(), expected);
}

#[test]
fn a_pod_that_lacks_a_named_port_is_a_subset_of_its_own() {
    let mut bare = pod(2, true);
    bare["spec"]["containers"][0]["ports"] = json!([]);
    let made = created(pass(service(), vec![pod(1, true), bare], None));
    let ports: Vec<usize> = made
        .subsets
        .unwrap()
        .iter()
        .map(|s| s.ports.iter().flatten().count())
        .collect();
    assert_eq!(ports.iter().sum::<usize>(), 2);
    assert_eq!(ports.len(), 2);
}

#[test]
fn what_says_the_same_in_another_order_is_kept() {
    let pods = vec![pod(1, true), pod(2, true)];
    let mut made = created(pass(service(), pods.clone(), None));
    for subset in made.subsets.iter_mut().flatten() {
        subset.addresses.as_mut().unwrap().reverse();
        subset.ports.as_mut().unwrap().reverse();
    }
    assert!(matches!(pass(service(), pods, Some(made)), Plan::Keep));
}

#[test]
fn finished_and_leaving_pods_are_not_listed() {
    let mut finished = pod(1, true);
    finished["status"]["phase"] = json!("Succeeded");
    let mut leaving = pod(2, true);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let made = created(pass(service(), vec![finished, leaving], None));
    assert_eq!(made.subsets, None);
}

#[test]
fn unready_pods_are_ready_for_a_service_that_publishes_them() {
    let mut service = service();
    service["spec"]["publishNotReadyAddresses"] = json!(true);
    let made = created(pass(service, vec![pod(1, false)], None));
    assert_eq!(made.subsets.unwrap()[0].not_ready_addresses, None);
}

#[test]
fn a_headless_service_without_ports_lists_addresses_alone() {
    let mut service = service();
    service["spec"]["clusterIP"] = json!("None");
    service["spec"]["ports"] = json!([]);
    let made = created(pass(service, vec![pod(1, true)], None));
    assert!(
        made.metadata
            .labels
            .unwrap()
            .contains_key("service.kubernetes.io/headless")
    );
    let subsets = made.subsets.unwrap();
    assert_eq!((subsets.len(), subsets[0].ports.as_ref()), (1, None));
}

#[test]
fn too_many_addresses_are_cut_and_that_is_said() {
    let pods = (0..ADDRESSES_MAX + 5).map(|number| pod(number, number % 2 == 0));
    let made = created(pass(service(), pods.collect(), None));
    let subset = &made.subsets.unwrap()[0];
    let count = |of: &Option<Vec<_>>| of.as_ref().map_or(0, Vec::len);
    assert_eq!(count(&subset.addresses), ADDRESSES_MAX / 2 + 3);
    assert_eq!(
        count(&subset.addresses) + count(&subset.not_ready_addresses),
        ADDRESSES_MAX
    );
    assert_eq!(
        made.metadata.annotations.unwrap()[OVER_CAPACITY],
        "truncated"
    );
}
