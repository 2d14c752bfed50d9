//! Which pods of lower priority would have to go for a pod to fit.
//!
//! Disruption budgets are not weighed yet.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::cycle::{self, Diagnosis, Plugins};
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

/// Nodes that are tried; upstream's least number.
const NODES_MAX: usize = 100;

/// A node, and the pods that leave it.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) node: String,
    pub(crate) victims: Vec<Arc<PodInfo>>,
}

/// The node where the least is lost; the snapshot is as before afterwards.
pub(crate) fn choose(
    plugins: &Plugins,
    pod: &PodInfo,
    snapshot: &mut Snapshot,
    diagnosis: &Diagnosis,
) -> Option<Candidate> {
    let nodes = diagnosis.resolvable.iter().take(NODES_MAX);
    let mut candidates: Vec<Candidate> = nodes
        .filter_map(|node| try_node(plugins, pod, snapshot, node))
        .collect();
    candidates.sort_by_key(|candidate| {
        let priorities = candidate
            .victims
            .iter()
            .map(|victim| i64::from(victim.priority));
        let sum: i64 = priorities
            .clone()
            .map(|p| p + i64::from(i32::MAX) + 1)
            .sum();
        (priorities.max(), sum, candidate.victims.len())
    });
    candidates.into_iter().next()
}

fn try_node(
    plugins: &Plugins,
    pod: &PodInfo,
    snapshot: &mut Snapshot,
    node: &str,
) -> Option<Candidate> {
    let pods = snapshot.node(node)?.pods.values();
    let mut lower: Vec<Arc<PodInfo>> = pods
        .filter(|other| other.priority < pod.priority)
        .map(Arc::clone)
        .collect();
    if lower.is_empty() {
        return None;
    }
    // The most important, and of these the oldest, are spared first.
    lower.sort_by_key(|other| {
        let since = other
            .pod
            .status
            .as_ref()
            .and_then(|s| s.start_time.as_ref());
        (Reverse(other.priority), since.map(|since| since.0))
    });
    for other in &lower {
        snapshot.remove(&other.uid);
    }
    let mut victims = Vec::new();
    let is_enough = fits(plugins, pod, snapshot, node);
    for other in lower {
        snapshot.place(&other, node);
        if is_enough && !fits(plugins, pod, snapshot, node) {
            snapshot.remove(&other.uid);
            victims.push(other);
        }
    }
    for victim in &victims {
        snapshot.place(victim, node);
    }
    is_enough.then(|| Candidate {
        node: node.to_owned(),
        victims,
    })
}

fn fits(plugins: &Plugins, pod: &PodInfo, snapshot: &Snapshot, node: &str) -> bool {
    let Some(node) = snapshot.node(node) else {
        return false;
    };
    cycle::concerned(plugins, pod, snapshot)
        .and_then(|concerned| cycle::fits(&concerned, pod, node, snapshot))
        .is_ok()
}

#[cfg(test)]
mod tests;
