//! Which pods a node takes while it is short of something. Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, Taint};

use super::tolerates;
use crate::eviction::REASON;
use crate::eviction::signal::Pressure;
use crate::{pod, qos};

/// Critical pods are taken in any case; with only memory short, those that asked for some as well.
pub(crate) fn check(pod: &Pod, pressures: &BTreeSet<Pressure>) -> Result<(), (String, String)> {
    if pressures.is_empty() || pod::is_critical(pod) {
        return Ok(());
    }
    if pressures.iter().eq([&Pressure::Memory]) {
        let taint = Taint {
            key: "node.kubernetes.io/memory-pressure".into(),
            effect: "NoSchedule".into(),
            ..Taint::default()
        };
        let mut tolerations = pod::spec(pod).tolerations.iter().flatten();
        let tolerated = tolerations.any(|toleration| tolerates(toleration, &taint));
        if qos::class(pod) != "BestEffort" || tolerated {
            return Ok(());
        }
    }
    let names: Vec<&str> = pressures.iter().map(|it| it.name()).collect();
    let text = format!("The node had condition: [{}]. ", names.join(" "));
    Err((REASON.into(), text))
}

#[cfg(test)]
mod tests;
