//! Why a pod was evicted, in upstream's words.

use k8s_openapi::api::core::v1::Pod;
use styr_meta::Quantity;

use super::signal::Signal;
use super::state::Starved;
use super::usage::Usage;
use crate::launch::resources;
use crate::pod;

/// For the pod's status, its event and its condition.
pub(super) fn message(pod: &Pod, usage: Option<&Usage>, starved: &Starved) -> String {
    let signal = starved.threshold.signal;
    let resource = signal.resource();
    let mut text = format!(
        "The node was low on resource: {resource}. Threshold quantity: {}, available: {}. ",
        amount(signal, starved.needed),
        amount(signal, starved.available)
    );
    let containers = usage.map(|usage| usage.containers.as_slice());
    for container in containers.unwrap_or_default() {
        let used = match resource {
            "memory" => container.memory,
            "ephemeral-storage" => container.disk,
            _ => continue,
        };
        let mut all = pod::containers(pod).iter().chain(pod::init_containers(pod));
        let Some(definition) = all.find(|it| it.name == container.name) else {
            continue;
        };
        let requested = resources::request(definition, resource).unwrap_or_else(Quantity::zero);
        if used > requested.value() {
            text.push_str(&format!(
                "Container {} was using {}, request is {}, has larger consumption of {resource}. ",
                container.name,
                amount(signal, used),
                requested.text()
            ));
        }
    }
    text
}

fn amount(signal: Signal, value: i64) -> String {
    if signal.is_bytes() {
        Quantity::from_bytes(value).text()
    } else {
        Quantity::from_units(value).text()
    }
}

#[cfg(test)]
mod tests;
