//! The quality-of-service class of a pod, from what its containers ask for.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, ResourceRequirements};
use styr_meta::Quantity;

use crate::pod;

const KINDS: [&str; 2] = ["cpu", "memory"];

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub(crate) fn class(pod: &Pod) -> &'static str {
    if let Some(status) = &pod.status
        && let Some(known) = &status.qos_class
    {
        return match known.as_str() {
            "Guaranteed" => "Guaranteed",
            "BestEffort" => "BestEffort",
            _ => "Burstable",
        };
    }
    compute(pod)
}

fn compute(pod: &Pod) -> &'static str {
    let of_pod = pod::spec(pod).resources.as_ref();
    let containers = pod::init_containers(pod).iter().chain(pod::containers(pod));
    let all: Vec<Option<&ResourceRequirements>> = match of_pod {
        Some(resources) => vec![Some(resources)],
        None => containers
            .map(|container| container.resources.as_ref())
            .collect(),
    };
    let (mut requests, mut limits) = (BTreeMap::new(), BTreeMap::new());
    let mut all_limited = true;
    for resources in all {
        let of_requests = resources.and_then(|r| r.requests.as_ref());
        let of_limits = resources.and_then(|r| r.limits.as_ref());
        for kind in KINDS {
            let limit = of_limits.and_then(|map| positive(map.get(kind)));
            // A limit without a request is a request as well.
            let request = of_requests
                .and_then(|map| positive(map.get(kind)))
                .or(limit.clone());
            all_limited &= limit.is_some();
            if let Some(limit) = limit {
                limits
                    .entry(kind)
                    .or_insert_with(Quantity::zero)
                    .add(&limit);
            }
            if let Some(request) = request {
                requests
                    .entry(kind)
                    .or_insert_with(Quantity::zero)
                    .add(&request);
            }
        }
    }
    if requests.is_empty() && limits.is_empty() {
        return "BestEffort";
    }
    if all_limited && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

fn positive(
    quantity: Option<&k8s_openapi::apimachinery::pkg::api::resource::Quantity>,
) -> Option<Quantity> {
    let quantity = Quantity::parse(&quantity?.0).ok()?;
    (!quantity.is_zero()).then_some(quantity)
}
