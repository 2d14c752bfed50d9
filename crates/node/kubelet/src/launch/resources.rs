//! What the kernel is told about processors and memory of a container or a pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use styr_cri::v1::LinuxContainerResources;
use styr_meta::Quantity;

use crate::{pod, qos};

const SHARES_MIN: i64 = 2;
const SHARES_MAX: i64 = 262_144;
const SHARES_PER_CPU: i64 = 1024;
const QUOTA_PERIOD: i64 = 100_000;
const QUOTA_MIN: i64 = 1000;
const GUARANTEED_SCORE: i64 = -997;
const BEST_EFFORT_SCORE: i64 = 1000;

pub(crate) fn shares(milli: i64) -> i64 {
    (milli * SHARES_PER_CPU / 1000).clamp(SHARES_MIN, SHARES_MAX)
}

pub(crate) fn quota(milli: i64) -> i64 {
    if milli == 0 {
        0
    } else {
        (milli * QUOTA_PERIOD / 1000).max(QUOTA_MIN)
    }
}

fn of(map: Option<&BTreeMap<String, Text>>, name: &str) -> Option<Quantity> {
    Quantity::parse(&map?.get(name)?.0).ok()
}

pub(crate) fn request(container: &Container, name: &str) -> Option<Quantity> {
    of(container.resources.as_ref()?.requests.as_ref(), name)
}

pub(crate) fn limit(container: &Container, name: &str) -> Option<Quantity> {
    of(container.resources.as_ref()?.limits.as_ref(), name)
}

pub(crate) fn of_container(
    pod: &Pod,
    container: &Container,
    memory_capacity: i64,
) -> LinuxContainerResources {
    let milli = |quantity: Option<Quantity>| quantity.map_or(0, |q| q.milli_value());
    let cpu_limit = milli(limit(container, "cpu"));
    let cpu_request = match request(container, "cpu") {
        Some(request) => request.milli_value(),
        None => cpu_limit,
    };
    LinuxContainerResources {
        cpu_shares: shares(cpu_request),
        cpu_period: QUOTA_PERIOD,
        cpu_quota: quota(cpu_limit),
        memory_limit_in_bytes: limit(container, "memory").map_or(0, |q| q.value()),
        oom_score_adj: oom_score(pod, container, memory_capacity),
        ..LinuxContainerResources::default()
    }
}

/// Whom the kernel kills first when memory is short: upstream's figures.
pub(crate) fn oom_score(pod: &Pod, container: &Container, memory_capacity: i64) -> i64 {
    if pod::is_critical(pod) {
        return GUARANTEED_SCORE;
    }
    match qos::class(pod) {
        "Guaranteed" => return GUARANTEED_SCORE,
        "BestEffort" => return BEST_EFFORT_SCORE,
        _ => {}
    }
    let request = request(container, "memory").map_or(0, |q| q.value());
    let share = i128::from(request) * 1000 / i128::from(memory_capacity.max(1));
    let score = 1000 - i64::try_from(share).unwrap_or(1000);
    score.clamp(1000 + GUARANTEED_SCORE, BEST_EFFORT_SCORE - 1)
}

/// The sum of what a pod asks for, counting init containers as the scheduler does.
pub(crate) fn pod_request(pod: &Pod, name: &str) -> Quantity {
    let level = pod::spec(pod).resources.as_ref();
    let level = level.and_then(|level| of(level.requests.as_ref(), name));
    level.unwrap_or_else(|| pod_total(pod, name, request))
}

/// The sum of limits; `None` if some container has none.
pub(crate) fn pod_limit(pod: &Pod, name: &str) -> Option<Quantity> {
    let level = pod::spec(pod).resources.as_ref();
    if let Some(limit) = level.and_then(|level| of(level.limits.as_ref(), name)) {
        return Some(limit);
    }
    let mut all = pod::containers(pod).iter();
    all.all(|container| limit(container, name).is_some())
        .then(|| pod_total(pod, name, limit))
}

/// The sum of the limits that are there; `None` if no container has one.
pub(crate) fn limits_given(pod: &Pod, name: &str) -> Option<Quantity> {
    let mut all = pod::containers(pod).iter().chain(pod::init_containers(pod));
    all.any(|container| limit(container, name).is_some())
        .then(|| pod_total(pod, name, limit))
}

fn pod_total(pod: &Pod, name: &str, of: fn(&Container, &str) -> Option<Quantity>) -> Quantity {
    let zero = || Quantity::zero();
    let (mut sidecars, mut peak) = (zero(), zero());
    for container in pod::init_containers(pod) {
        let amount = of(container, name).unwrap_or_else(zero);
        if pod::is_sidecar(container) {
            sidecars.add(&amount);
            peak = peak.max(sidecars.clone());
        } else {
            let mut together = sidecars.clone();
            together.add(&amount);
            peak = peak.max(together);
        }
    }
    let mut ordinary = sidecars;
    for container in pod::containers(pod) {
        ordinary.add(&of(container, name).unwrap_or_else(zero));
    }
    let mut total = ordinary.max(peak);
    if let Some(overhead) = self::of(pod::spec(pod).overhead.as_ref(), name) {
        total.add(&overhead);
    }
    total
}
