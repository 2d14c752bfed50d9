//! Spreads pods over the values of a label of nodes, as far apart in number as the pod allows.
//!
//! Pods that say nothing of it are spread over the nodes by their controller, by maintained counts;
//! for those that do, a cycle passes over the pods once.

use std::collections::HashMap;
use std::sync::Mutex;

use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use styr_meta::labels::Selector;

use super::node_affinity;
use crate::framework::{Happening, Plugin, Rejection, scale};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selection;
use crate::snapshot::Snapshot;
use crate::terms;

const SKEWED: &str = "node(s) didn't match pod topology spread constraints";
const UNLABELLED: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";

/// A constraint, and the pods it is about, counted.
#[derive(Debug)]
struct Counted {
    key: String,
    skew_max: i64,
    domains_min: usize,
    is_required: bool,
    /// Whether the pod itself counts.
    is_own: bool,
    by_value: HashMap<String, i64>,
}

impl Counted {
    fn least(&self) -> i64 {
        if self.by_value.len() < self.domains_min {
            return 0;
        }
        self.by_value.values().copied().min().unwrap_or(0)
    }

    fn at(&self, node: &NodeInfo) -> Option<i64> {
        let value = node.labels().get(&self.key)?;
        Some(self.by_value.get(value).copied().unwrap_or(0))
    }
}

#[derive(Debug, Default)]
pub(super) struct PodTopologySpread {
    /// Of the cycle that runs.
    state: Mutex<Vec<Counted>>,
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn hints(&self) -> &'static [Happening] {
        &[
            Happening::NodeAdded,
            Happening::NodeLabels,
            Happening::NodeTaints,
            Happening::PodPlaced,
            Happening::PodGone,
        ]
    }

    fn pre_filter(&self, pod: &PodInfo, snapshot: &Snapshot) -> Result<(), Rejection> {
        let constraints = pod.spec().topology_spread_constraints.as_deref();
        let constraints = constraints.unwrap_or_default();
        let counted = constraints.iter().map(|constraint| {
            let same = |other: &&TopologySpreadConstraint| {
                other.when_unsatisfiable == constraint.when_unsatisfiable
            };
            let together: Vec<&str> = constraints
                .iter()
                .filter(same)
                .map(|other| other.topology_key.as_str())
                .collect();
            count(constraint, &together, pod, snapshot)
        });
        let counted: Vec<Counted> = counted.collect();
        *self.state.lock().expect("no holder of this lock panics") = counted;
        Ok(())
    }

    fn filter(&self, _: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let state = self.state.lock().expect("no holder of this lock panics");
        for constraint in state.iter().filter(|constraint| constraint.is_required) {
            let Some(here) = constraint.at(node) else {
                return Err(Rejection::firm(UNLABELLED));
            };
            let skew = here + i64::from(constraint.is_own) - constraint.least();
            if skew > constraint.skew_max {
                return Err(Rejection::resolvable(SKEWED));
            }
        }
        Ok(())
    }

    fn weight(&self) -> i64 {
        2
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        let state = self.state.lock().expect("no holder of this lock panics");
        if state.is_empty() {
            return i64::try_from(node.siblings(pod)).unwrap_or(i64::MAX);
        }
        let wished = state.iter().filter(|constraint| !constraint.is_required);
        let counts = wished.map(|constraint| {
            let most = || constraint.by_value.values().copied().max().unwrap_or(0);
            constraint.at(node).unwrap_or_else(most)
        });
        counts.sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale(scores, true);
    }
}

/// Counts the pods that a constraint is about; only nodes that have all keys of `together` count.
fn count(
    constraint: &TopologySpreadConstraint,
    together: &[&str],
    pod: &PodInfo,
    snapshot: &Snapshot,
) -> Counted {
    let labels = pod.pod.metadata.labels.as_ref();
    let keys = constraint.match_label_keys.as_deref().unwrap_or_default();
    let selector = terms::with_own(constraint.label_selector.as_ref(), ("In", keys), labels);
    let selector = selector.map_or_else(Selector::nothing, |s| selection::labels(&s));
    let mut by_value = HashMap::new();
    for node in snapshot
        .nodes()
        .filter(|node| counts(constraint, pod, node))
    {
        if !together.iter().all(|key| node.labels().contains_key(*key)) {
            continue;
        }
        let Some(value) = node.labels().get(&constraint.topology_key) else {
            continue;
        };
        let matching = node.pods.values().filter(|other| {
            other.key.namespace == pod.key.namespace
                && !other.is_leaving()
                && selection::matches(&selector, other.pod.metadata.labels.as_ref())
        });
        let matching = i64::try_from(matching.count()).unwrap_or(i64::MAX);
        *by_value.entry(value.clone()).or_insert(0) += matching;
    }
    Counted {
        key: constraint.topology_key.clone(),
        skew_max: i64::from(constraint.max_skew),
        domains_min: usize::try_from(constraint.min_domains.unwrap_or(1)).unwrap_or(1),
        is_required: constraint.when_unsatisfiable == "DoNotSchedule",
        is_own: selection::matches(&selector, labels),
        by_value,
    }
}

/// Whether the pods of a node count for a constraint.
fn counts(constraint: &TopologySpreadConstraint, pod: &PodInfo, node: &NodeInfo) -> bool {
    let honours_affinity = constraint.node_affinity_policy.as_deref() != Some("Ignore");
    if honours_affinity && !node_affinity::is_wanted(pod, node) {
        return false;
    }
    if constraint.node_taints_policy.as_deref() != Some("Honor") {
        return true;
    }
    let tolerations = pod.spec().tolerations.as_deref().unwrap_or_default();
    node.taints().iter().all(|taint| {
        taint.effect == "PreferNoSchedule" || selection::is_tolerated(tolerations, taint)
    })
}

#[cfg(test)]
mod tests;
