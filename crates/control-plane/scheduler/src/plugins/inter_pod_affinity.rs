//! Affinity and anti-affinity between pods, required and preferred; what running pods want of later
//! ones counts as well.
//!
//! All is read off tallies, so a cycle costs the same however many pods there are.

use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::Namespace;
use styr_client::Cache;

use crate::framework::{Concern, Happening, Plugin, Rejection, SCORE_MAX};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selection::Labels;
use crate::snapshot::{Census, Snapshot, Tally};
use crate::terms::{Stance, Term};

const NEAR: &str = "node(s) didn't match pod affinity rules";
const FAR: &str = "node(s) didn't match pod anti-affinity rules";
const GUARDED: &str = "node(s) didn't satisfy existing pods anti-affinity rules";

/// The namespaces' labels; without a cache, no namespace has any.
#[derive(Debug, Clone)]
struct Namespaces(Option<Cache<Namespace>>);

impl Namespaces {
    fn matches(&self, term: &Term, pod: &PodInfo) -> bool {
        let of_namespace = |name: &str| {
            let namespace = self.0.as_ref()?.get(None, name)?;
            Some(namespace.metadata.labels.clone().unwrap_or_default())
        };
        let labels: Option<&Labels> = pod.pod.metadata.labels.as_ref();
        term.matches(&pod.key.namespace, labels, &of_namespace)
    }
}

/// The pods that match all of some terms.
#[derive(Debug)]
struct Matching {
    terms: Vec<Term>,
    topology_key: String,
    namespaces: Namespaces,
}

impl Census for Matching {
    fn topology_key(&self) -> &str {
        &self.topology_key
    }

    fn counts_pod(&self, pod: &PodInfo) -> bool {
        let mut terms = self.terms.iter();
        terms.all(|term| self.namespaces.matches(term, pod))
    }
}

/// What one cycle reads off.
#[derive(Debug, Default)]
struct State {
    near: Vec<Arc<Tally>>,
    far: Vec<Arc<Tally>>,
    guarded: Vec<Arc<Tally>>,
    wishes: Vec<(i64, Arc<Tally>)>,
    /// The first of a group that wants to be together may go anywhere.
    is_first: bool,
}

#[derive(Debug)]
pub(super) struct InterPodAffinity {
    namespaces: Namespaces,
    /// Of the cycle that runs.
    state: Mutex<State>,
}

impl InterPodAffinity {
    pub(super) fn new(namespaces: Option<Cache<Namespace>>) -> Self {
        Self {
            namespaces: Namespaces(namespaces),
            state: Mutex::default(),
        }
    }

    fn read(&self, pod: &PodInfo, snapshot: &Snapshot) -> State {
        let affinity = &pod.affinity;
        let alone = |term: &Term| self.tally(std::slice::from_ref(term), term, snapshot);
        let near = affinity.near.iter();
        let near = near.map(|term| self.tally(&affinity.near, term, snapshot));
        let wishes = affinity.wishes.iter();
        let mut state = State {
            near: near.collect(),
            far: affinity.far.iter().map(alone).collect(),
            wishes: wishes
                .map(|(weight, term)| (*weight, alone(term)))
                .collect(),
            ..State::default()
        };
        for standing in snapshot.standing() {
            if !self.namespaces.matches(&standing.term, pod) {
                continue;
            }
            let tally = Arc::clone(&standing.tally);
            match standing.stance {
                Stance::Guard => state.guarded.push(tally),
                Stance::Wish(weight) => state.wishes.push((weight, tally)),
            }
        }
        let is_own = |term: &Term| self.namespaces.matches(term, pod);
        state.is_first =
            state.near.iter().all(|tally| tally.is_empty()) && affinity.near.iter().all(is_own);
        state
    }

    /// The pods that match all of `terms`, by the label that one of them names.
    fn tally(&self, terms: &[Term], by: &Term, snapshot: &Snapshot) -> Arc<Tally> {
        let census = Matching {
            terms: terms.to_vec(),
            topology_key: by.topology_key.clone(),
            namespaces: self.namespaces.clone(),
        };
        if terms.iter().any(Term::asks_namespaces) {
            return snapshot.tally_once(&census);
        }
        let ids: Vec<&str> = terms.iter().map(|term| term.id.as_str()).collect();
        let id = format!("affinity by {}: {}", by.topology_key, ids.join(" "));
        snapshot.tally(id, Box::new(census))
    }
}

/// How many there are where a node is.
fn at(tally: &Tally, node: &NodeInfo) -> i64 {
    tally.at(node).unwrap_or(0)
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

    fn pre_filter(&self, pod: &PodInfo, snapshot: &Snapshot) -> Result<Concern, Rejection> {
        let state = self.read(pod, snapshot);
        let has_demands =
            !state.near.is_empty() || !state.far.is_empty() || !state.guarded.is_empty();
        *self.state.lock().expect("no holder of this lock panics") = state;
        Ok(Concern::when(has_demands))
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let state = self.state.lock().expect("no holder of this lock panics");
        let labels = node.labels();
        let mut near = pod.affinity.near.iter();
        let has_place = near.all(|term| labels.contains_key(&term.topology_key));
        let has_company = state.near.iter().all(|tally| at(tally, node) > 0);
        if !has_place || !(has_company || state.is_first) {
            return Err(Rejection::firm(NEAR));
        }
        if state.far.iter().any(|tally| at(tally, node) > 0) {
            return Err(Rejection::resolvable(FAR));
        }
        if state.guarded.iter().any(|tally| at(tally, node) > 0) {
            return Err(Rejection::resolvable(GUARDED));
        }
        Ok(())
    }

    fn weight(&self) -> i64 {
        2
    }

    fn pre_score(&self, _: &PodInfo) -> Concern {
        let state = self.state.lock().expect("no holder of this lock panics");
        Concern::when(!state.wishes.is_empty())
    }

    fn score(&self, _: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        let state = self.state.lock().expect("no holder of this lock panics");
        let wishes = state.wishes.iter();
        wishes.map(|(weight, tally)| weight * at(tally, node)).sum()
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
