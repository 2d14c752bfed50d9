use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::check;
use crate::eviction::signal::Pressure;

fn pod(spec: &Value) -> Pod {
    serde_json::from_value(json!({ "spec": spec })).unwrap()
}

fn best_effort() -> Pod {
    pod(&json!({ "containers": [{ "name": "main" }] }))
}

fn burstable() -> Pod {
    let requests = json!({ "requests": { "memory": "1Mi" } });
    pod(&json!({ "containers": [{ "name": "main", "resources": requests }] }))
}

#[test]
fn a_node_that_has_enough_takes_all() {
    assert_eq!(check(&best_effort(), &BTreeSet::new()), Ok(()));
}

#[test]
fn short_of_memory_it_takes_those_that_asked_for_some() {
    let short = BTreeSet::from([Pressure::Memory]);
    assert_eq!(check(&burstable(), &short), Ok(()));
    let (reason, message) = check(&best_effort(), &short).unwrap_err();
    assert_eq!(reason, "Evicted");
    assert_eq!(message, "The node had condition: [MemoryPressure]. ");
}

#[test]
fn short_of_memory_it_takes_those_that_tolerate_it() {
    let tolerant = pod(&json!({
        "containers": [{ "name": "main" }],
        "tolerations": [{ "key": "node.kubernetes.io/memory-pressure", "operator": "Exists" }],
    }));
    assert_eq!(
        check(&tolerant, &BTreeSet::from([Pressure::Memory])),
        Ok(())
    );
}

#[test]
fn short_of_disk_it_takes_none() {
    let short = BTreeSet::from([Pressure::Memory, Pressure::Disk]);
    let (_, message) = check(&burstable(), &short).unwrap_err();
    assert_eq!(
        message,
        "The node had condition: [DiskPressure MemoryPressure]. "
    );
}

#[test]
fn critical_pods_are_taken_all_the_same() {
    let critical = pod(&json!({ "containers": [], "priority": 2_000_001_000 }));
    let short = BTreeSet::from([Pressure::Disk, Pressure::Processes]);
    assert_eq!(check(&critical, &short), Ok(()));
}
