//! How many pods to create or which to delete, and what to report.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSetStatus;
use k8s_openapi::api::core::v1::Pod;
use styr_client::Error;
use styr_meta::labels::Selector;

use super::owner::Wanted;
use crate::shared::{conditions, pods, requests, selector};

/// Upstream's `BurstReplicas`.
const BURST_MAX: usize = 500;

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) is_leaving: bool,
    pub(super) may_act: bool,
    pub(super) wanted: Wanted,
    pub(super) active: Vec<Arc<Pod>>,
    pub(super) terminating: usize,
    pub(super) related: Vec<Arc<Pod>>,
}

#[derive(Debug)]
pub(super) enum Action {
    Nothing,
    Create(usize),
    Delete(Vec<Arc<Pod>>),
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) action: Action,
    /// When the next pod becomes available only because time passes.
    pub(super) then: Option<Duration>,
}

/// Decides; touches nothing.
pub(super) fn plan(observed: &Observed, now: Timestamp) -> Plan {
    let min_ready = observed.wanted.min_ready;
    let waits = observed
        .active
        .iter()
        .filter_map(|pod| pods::until_available(pod, min_ready, now));
    let then = waits.filter(|wait| !wait.is_zero()).min();
    let action = if observed.may_act && !observed.is_leaving {
        action(observed, now)
    } else {
        Action::Nothing
    };
    Plan { action, then }
}

fn action(observed: &Observed, now: Timestamp) -> Action {
    let (have, want) = (observed.active.len(), observed.wanted.replicas);
    if have < want {
        Action::Create((want - have).min(BURST_MAX))
    } else if have > want {
        Action::Delete(to_delete(observed, (have - want).min(BURST_MAX), now))
    } else {
        Action::Nothing
    }
}

fn to_delete(observed: &Observed, count: usize, now: Timestamp) -> Vec<Arc<Pod>> {
    let mut per_node: HashMap<&str, usize> = HashMap::new();
    for pod in &observed.related {
        *per_node.entry(pods::node(pod)).or_default() += 1;
    }
    let rank = |pod: &Pod| per_node.get(pods::node(pod)).copied().unwrap_or(0);
    let mut victims = observed.active.clone();
    victims.sort_by(|a, b| pods::deletion_order((a, rank(a)), (b, rank(b)), now));
    victims.truncate(count);
    victims
}

/// What to report after the plan was carried out, given what failed of it.
pub(super) fn status(
    observed: &Observed,
    failure: Option<&(&'static str, Error)>,
    now: Timestamp,
) -> ReplicaSetStatus {
    let Observed { wanted, active, .. } = observed;
    let labels = wanted
        .template
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.labels.as_ref());
    let template = labels.map_or_else(Selector::everything, |labels| {
        selector::of_map(Some(labels))
    });
    let is_fully_labeled =
        |pod: &&Arc<Pod>| selector::matches(&template, pod.metadata.labels.as_ref());
    let is_available = |pod: &&Arc<Pod>| pods::is_available(pod, wanted.min_ready, now);
    let mut status = wanted.status.clone();
    let mut known = status.conditions.take().unwrap_or_default();
    match failure {
        Some((reason, error)) if observed.may_act => {
            let text = requests::told(error);
            conditions::set_replica_set(&mut known, "ReplicaFailure", (reason, text), now);
        }
        _ if observed.may_act => {
            known.retain(|condition| condition.type_.as_deref() != Some("ReplicaFailure"));
        }
        _ => {}
    }
    // Go leaves out zeros, and the server what is left out.
    let count = |count: usize| Some(i32::try_from(count).unwrap_or(i32::MAX)).filter(|n| *n > 0);
    ReplicaSetStatus {
        replicas: count(active.len()).unwrap_or(0),
        fully_labeled_replicas: count(active.iter().filter(is_fully_labeled).count()),
        ready_replicas: count(active.iter().filter(|pod| pods::is_ready(pod)).count()),
        available_replicas: count(active.iter().filter(is_available).count()),
        terminating_replicas: wanted
            .reports_terminating
            .then(|| i32::try_from(observed.terminating).unwrap_or(i32::MAX)),
        observed_generation: wanted.generation,
        conditions: Some(known).filter(|conditions| !conditions.is_empty()),
    }
}

#[cfg(test)]
mod tests;
