//! What silence and conditions mean for a node.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::shared::nodes;

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Condition, and the taint that it means while it is true.
const PRESSURES: &[(&str, &str)] = &[
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    (
        "NetworkUnavailable",
        "node.kubernetes.io/network-unavailable",
    ),
];

/// Conditions that only the node itself can know.
const KUBELETS: &[&str] = &["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) node: Arc<Node>,
    pub(super) silence: Duration,
    pub(super) grace: Duration,
    pub(super) startup_grace: Duration,
}

#[derive(Debug)]
pub(super) struct Plan {
    /// To be set, because the node does not answer.
    pub(super) conditions: Vec<NodeCondition>,
    /// All taints that there are to be, if others are there.
    pub(super) taints: Option<Vec<Taint>>,
    pub(super) pods_are_unready: bool,
    /// When silence becomes too long.
    pub(super) then: Option<Duration>,
}

fn condition<'a>(node: &'a Node, kind: &str) -> Option<&'a NodeCondition> {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == kind)
}

/// The node's Ready condition.
pub(super) fn ready(node: &Node) -> Option<&NodeCondition> {
    condition(node, "Ready")
}

/// Decides; touches nothing.
pub(super) fn plan(observed: &Observed, now: Timestamp) -> Plan {
    let node = &observed.node;
    let has_spoken = ready(node).is_some();
    let grace = if has_spoken {
        observed.grace
    } else {
        observed.startup_grace
    };
    let left = grace.saturating_sub(observed.silence);
    let is_silent = left.is_zero();
    let conditions = if is_silent {
        unknown(node, now)
    } else {
        Vec::new()
    };
    let status = |kind: &str| {
        let replaced = conditions.iter().find(|condition| condition.type_ == kind);
        replaced
            .or_else(|| condition(node, kind))
            .map(|condition| condition.status.as_str())
    };
    // A kubelet that answers reports its pods itself, also while its node is not ready.
    let pods_are_unready = status("Ready") == Some("Unknown");
    let wanted = wanted_taints(node, &status);
    Plan {
        taints: merged(nodes::taints(node), &wanted, now),
        pods_are_unready,
        conditions,
        then: (!is_silent).then_some(left),
    }
}

/// The conditions that have to be set to Unknown.
fn unknown(node: &Node, now: Timestamp) -> Vec<NodeCondition> {
    let kinds = KUBELETS.iter().filter_map(|kind| {
        let known = condition(node, kind);
        if known.is_some_and(|known| known.status == "Unknown") {
            return None;
        }
        let (reason, message) = match known {
            Some(_) => ("NodeStatusUnknown", "Kubelet stopped posting node status."),
            None => (
                "NodeStatusNeverUpdated",
                "Kubelet never posted node status.",
            ),
        };
        let heartbeat = known.and_then(|known| known.last_heartbeat_time.clone());
        Some(NodeCondition {
            type_: (*kind).to_owned(),
            status: "Unknown".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()),
            last_heartbeat_time: heartbeat.or_else(|| node.metadata.creation_timestamp.clone()),
            last_transition_time: Some(Time(now)),
        })
    });
    kinds.collect()
}

fn wanted_taints<'a>(
    node: &Node,
    status: &impl Fn(&str) -> Option<&'a str>,
) -> Vec<(&'static str, &'static str)> {
    let mut wanted = Vec::new();
    match status("Ready") {
        Some("False") => wanted.extend([(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")]),
        Some("Unknown") => wanted.extend([(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")]),
        _ => {}
    }
    let pressing = PRESSURES
        .iter()
        .filter(|(kind, _)| status(kind) == Some("True"));
    wanted.extend(pressing.map(|(_, taint)| (*taint, "NoSchedule")));
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    // The first status decides; until then the taint that the node registered with stays.
    if status("Ready").is_none() {
        let known = nodes::taints(node)
            .iter()
            .filter(|taint| taint.key == NOT_READY);
        wanted.extend(known.map(|taint| match taint.effect.as_str() {
            "NoExecute" => (NOT_READY, "NoExecute"),
            _ => (NOT_READY, "NoSchedule"),
        }));
    }
    wanted
}

/// All taints, with ours as wanted; `None` if they are that already.
fn merged(known: &[Taint], wanted: &[(&str, &str)], now: Timestamp) -> Option<Vec<Taint>> {
    let is_ours = |taint: &Taint| {
        let keys = PRESSURES.iter().map(|(_, taint)| *taint);
        let mut keys = keys.chain([NOT_READY, UNREACHABLE, UNSCHEDULABLE]);
        let effect = taint.effect.as_str();
        let by_us = effect == "NoSchedule" || matches!(taint.key.as_str(), NOT_READY | UNREACHABLE);
        by_us && keys.any(|key| key == taint.key)
    };
    let is_wanted = |taint: &Taint| wanted.contains(&(&taint.key, &taint.effect));
    let mut taints: Vec<Taint> = known
        .iter()
        .filter(|taint| !is_ours(taint) || is_wanted(taint))
        .cloned()
        .collect();
    for (key, effect) in wanted {
        if !taints
            .iter()
            .any(|taint| taint.key == *key && taint.effect == *effect)
        {
            taints.push(Taint {
                key: (*key).to_owned(),
                effect: (*effect).to_owned(),
                value: None,
                time_added: Some(Time(now)),
            });
        }
    }
    (taints != known).then_some(taints)
}

#[cfg(test)]
mod tests;
