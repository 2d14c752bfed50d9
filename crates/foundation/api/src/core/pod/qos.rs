//! The quality of service that a pod gets: <https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/>.

use std::collections::BTreeMap;

use serde_json::Value;
use styr_meta::Quantity;

use crate::tree;

const COUNTED: [&str; 2] = ["cpu", "memory"];

/// The class of a pod with this spec.
pub(super) fn class(spec: &Value) -> &'static str {
    let pod_level = tree::at(spec, "resources");
    if !tree::at(pod_level, "requests").is_null() || !tree::at(pod_level, "limits").is_null() {
        return class_of(&[pod_level]);
    }
    let lists = ["containers", "initContainers"].map(|list| tree::items(spec, list));
    let all: Vec<&Value> = lists.iter().flat_map(|list| list.iter()).collect();
    class_of(
        &all.iter()
            .map(|it| tree::at(it, "resources"))
            .collect::<Vec<_>>(),
    )
}

fn class_of(all: &[&Value]) -> &'static str {
    let mut requests = BTreeMap::new();
    let mut limits = BTreeMap::new();
    let mut guaranteed = true;
    for resources in all {
        add(tree::at(resources, "requests"), &mut requests);
        let found = add(tree::at(resources, "limits"), &mut limits);
        guaranteed &= found == COUNTED.len();
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if guaranteed && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds amounts up; answers how many of the counted resources there were.
fn add(amounts: &Value, sum: &mut BTreeMap<&'static str, Quantity>) -> usize {
    let mut found = 0;
    for name in COUNTED {
        let Some(amount) = Quantity::from_value(tree::at(amounts, name)) else {
            continue;
        };
        if amount.is_zero() || amount.is_negative() {
            continue;
        }
        found += 1;
        sum.entry(name).or_insert_with(Quantity::zero).add(&amount);
    }
    found
}
