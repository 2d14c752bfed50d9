//! Affinity and anti-affinity between pods, required and preferred; what running pods require of
//! later ones counts as well.
//!
//! Costs a pass over all pods for pods with affinity, and one over the pods with required
//! anti-affinity for all others.

use std::collections::HashMap;
use std::sync::Mutex;

use k8s_openapi::api::core::v1::Namespace;
use styr_client::Cache;

use crate::framework::{Happening, Plugin, Rejection, SCORE_MAX};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selection::Labels;
use crate::snapshot::Snapshot;
use crate::terms::Term;

const NEAR: &str = "node(s) didn't match pod affinity rules";
const FAR: &str = "node(s) didn't match pod anti-affinity rules";
const GUARDED: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

/// Something for each value of each topology label.
type ByPlace = HashMap<String, HashMap<String, i64>>;

fn add(places: &mut ByPlace, key: &str, node: &NodeInfo, by: i64) {
    if let Some(value) = node.labels().get(key) {
        let values = places.entry(key.to_owned()).or_default();
        *values.entry(value.clone()).or_default() += by;
    }
}

fn at(places: &ByPlace, key: &str, node: &NodeInfo) -> i64 {
    let values = places.get(key).zip(node.labels().get(key));
    values
        .and_then(|(values, value)| values.get(value))
        .copied()
        .unwrap_or(0)
}

/// What one cycle counts once.
#[derive(Debug, Default)]
struct State {
    near: ByPlace,
    far: ByPlace,
    guarded: ByPlace,
    wishes: ByPlace,
    /// The first of a group that wants to be together may go anywhere.
    is_first: bool,
}

#[derive(Debug)]
pub(super) struct InterPodAffinity {
    namespaces: Option<Cache<Namespace>>,
    /// Of the cycle that runs.
    state: Mutex<State>,
}

impl InterPodAffinity {
    pub(super) fn new(namespaces: Option<Cache<Namespace>>) -> Self {
        Self {
            namespaces,
            state: Mutex::default(),
        }
    }

    fn matches(&self, term: &Term, pod: &PodInfo) -> bool {
        let of_namespace = |name: &str| {
            let namespace = self.namespaces.as_ref()?.get(None, name)?;
            Some(namespace.metadata.labels.clone().unwrap_or_default())
        };
        let labels: Option<&Labels> = pod.pod.metadata.labels.as_ref();
        term.matches(&pod.key.namespace, labels, &of_namespace)
    }

    fn count(&self, pod: &PodInfo, snapshot: &Snapshot) -> State {
        let mut state = State::default();
        let affinity = &pod.affinity;
        let asks =
            !affinity.near.is_empty() || !affinity.far.is_empty() || !affinity.wishes.is_empty();
        for node in snapshot.nodes() {
            for guard in node.guards() {
                let terms = guard.affinity.far.iter();
                for term in terms.filter(|term| self.matches(term, pod)) {
                    add(&mut state.guarded, &term.topology_key, node, 1);
                }
            }
            let others = node.pods.values().filter(|_| asks);
            for other in others {
                self.count_other(&mut state, pod, (node, other));
            }
        }
        let is_own = |term: &Term| self.matches(term, pod);
        state.is_first = state.near.is_empty() && affinity.near.iter().all(is_own);
        state
    }

    fn count_other(&self, state: &mut State, pod: &PodInfo, (node, other): (&NodeInfo, &PodInfo)) {
        let affinity = &pod.affinity;
        if affinity.near.iter().all(|term| self.matches(term, other)) {
            for term in &affinity.near {
                add(&mut state.near, &term.topology_key, node, 1);
            }
        }
        for term in affinity.far.iter().filter(|term| self.matches(term, other)) {
            add(&mut state.far, &term.topology_key, node, 1);
        }
        for (weight, term) in &affinity.wishes {
            if self.matches(term, other) {
                add(&mut state.wishes, &term.topology_key, node, *weight);
            }
        }
    }
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn hints(&self) -> &'static [Happening] {
        &[
            Happening::NodeAdded,
            Happening::NodeLabels,
            Happening::PodPlaced,
            Happening::PodGone,
        ]
    }

    fn pre_filter(&self, pod: &PodInfo, snapshot: &Snapshot) -> Result<(), Rejection> {
        let state = self.count(pod, snapshot);
        *self.state.lock().expect("no holder of this lock panics") = state;
        Ok(())
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let state = self.state.lock().expect("no holder of this lock panics");
        let labels = node.labels();
        let near = &pod.affinity.near;
        let has_place = near
            .iter()
            .all(|term| labels.contains_key(&term.topology_key));
        let has_company = near
            .iter()
            .all(|term| at(&state.near, &term.topology_key, node) > 0);
        if !has_place || !(has_company || state.is_first) {
            return Err(Rejection::firm(NEAR));
        }
        let mut far = pod.affinity.far.iter();
        if far.any(|term| at(&state.far, &term.topology_key, node) > 0) {
            return Err(Rejection::resolvable(FAR));
        }
        let mut guarded = state.guarded.keys();
        if guarded.any(|key| at(&state.guarded, key, node) > 0) {
            return Err(Rejection::resolvable(GUARDED));
        }
        Ok(())
    }

    fn weight(&self) -> i64 {
        2
    }

    fn score(&self, _: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        let state = self.state.lock().expect("no holder of this lock panics");
        let keys = state.wishes.keys();
        keys.map(|key| at(&state.wishes, key, node)).sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        let least = scores.iter().copied().min().unwrap_or(0);
        let most = scores.iter().copied().max().unwrap_or(0);
        for score in scores {
            *score = if most > least {
                SCORE_MAX * (*score - least) / (most - least)
            } else {
                0
            };
        }
    }
}

#[cfg(test)]
mod tests;
