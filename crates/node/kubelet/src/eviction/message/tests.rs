use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::message;
use crate::eviction::policy::{Amount, Threshold};
use crate::eviction::signal::Signal;
use crate::eviction::state::Starved;
use crate::eviction::usage::{ContainerUsage, Usage};

fn starved(signal: Signal, needed: i64, available: i64) -> Starved {
    let threshold = Threshold {
        signal,
        amount: Amount::Fixed(needed),
        grace: Duration::ZERO,
        reclaim: None,
    };
    Starved {
        threshold,
        needed,
        available,
    }
}

fn pod() -> Pod {
    serde_json::from_value(json!({
        "metadata": { "name": "greedy" },
        "spec": { "containers": [
            { "name": "main", "resources": { "requests": { "memory": "1Mi" } } },
            { "name": "side" },
        ] },
    }))
    .unwrap()
}

#[test]
fn containers_above_their_requests_are_named() {
    let container = |name: &str, memory: i64| ContainerUsage {
        name: name.into(),
        memory,
        disk: 0,
    };
    let usage = Usage {
        containers: vec![container("main", 3 << 20), container("side", 0)],
        ..Usage::default()
    };
    let text = message(
        &pod(),
        Some(&usage),
        &starved(Signal::Memory, 100 << 20, 90 << 20),
    );
    assert_eq!(
        text,
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. \
         Container main was using 3Mi, request is 1Mi, has larger consumption of memory. "
    );
}

#[test]
fn inodes_are_counted_not_measured() {
    let text = message(&pod(), None, &starved(Signal::NodeInodes, 5000, 17));
    assert_eq!(
        text,
        "The node was low on resource: inodes. Threshold quantity: 5k, available: 17. "
    );
}
