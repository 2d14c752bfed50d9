//! Spreads pods over the values of a label of nodes, as far apart in number as the pod allows.
//!
//! Pods that say nothing of it are spread over the nodes by their controller. All is read off
//! counts that are kept pod by pod.

use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::{Affinity, Toleration, TopologySpreadConstraint};
use styr_meta::labels::Selector;

use super::node_affinity;
use crate::framework::{Concern, Happening, Plugin, Rejection, scale};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selection::{self, Labels};
use crate::snapshot::{Census, Snapshot, Spread, Tally};
use crate::terms;

const SKEWED: &str = "node(s) didn't match pod topology spread constraints";
const UNLABELLED: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";

/// A constraint, and the pods it is about, counted.
#[derive(Debug)]
struct Counted {
    skew_max: i64,
    domains_min: usize,
    is_required: bool,
    /// Whether the pod itself counts.
    is_own: bool,
    tally: Arc<Tally>,
    spread: Spread,
}

impl Counted {
    fn least(&self) -> i64 {
        if self.spread.domains < self.domains_min {
            return 0;
        }
        self.spread.least
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

    fn pre_filter(&self, pod: &PodInfo, snapshot: &Snapshot) -> Result<Concern, Rejection> {
        let constraints = pod.spec().topology_spread_constraints.as_deref();
        let constraints = constraints.unwrap_or_default();
        let counted = constraints.iter().map(|constraint| {
            let same = |other: &&TopologySpreadConstraint| {
                other.when_unsatisfiable == constraint.when_unsatisfiable
            };
            let together = constraints.iter().filter(same);
            let together = together.map(|other| other.topology_key.clone()).collect();
            count(constraint, together, pod, snapshot)
        });
        let counted: Vec<Counted> = counted.collect();
        let is_required = counted.iter().any(|constraint| constraint.is_required);
        *self.state.lock().expect("no holder of this lock panics") = counted;
        Ok(Concern::when(is_required))
    }

    fn filter(&self, _: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let state = self.state.lock().expect("no holder of this lock panics");
        for constraint in state.iter().filter(|constraint| constraint.is_required) {
            let Some(here) = constraint.tally.at(node) else {
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

    fn pre_score(&self, pod: &PodInfo) -> Concern {
        let state = self.state.lock().expect("no holder of this lock panics");
        let wishes = state.iter().any(|constraint| !constraint.is_required);
        Concern::when(wishes || (state.is_empty() && pod.controller.is_some()))
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        let state = self.state.lock().expect("no holder of this lock panics");
        if state.is_empty() {
            return i64::try_from(node.siblings(pod)).unwrap_or(i64::MAX);
        }
        let wished = state.iter().filter(|constraint| !constraint.is_required);
        let counts = wished.map(|constraint| {
            let here = constraint.tally.at(node);
            here.unwrap_or(constraint.spread.most)
        });
        counts.sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale(scores, true);
    }
}

/// The pods of a namespace that a constraint selects, on nodes that the pod could be on.
#[derive(Debug)]
struct Selected {
    topology_key: String,
    selector: Selector,
    namespace: String,
    /// Nodes count that have all of these labels.
    together: Vec<String>,
    /// If only nodes count that these allow.
    allowed: Option<Allowed>,
    /// If only nodes count whose taints these tolerate.
    tolerations: Option<Vec<Toleration>>,
}

/// Where a pod may be.
#[derive(Debug)]
struct Allowed {
    node_selector: Option<Labels>,
    affinity: Option<Affinity>,
}

impl Census for Selected {
    fn topology_key(&self) -> &str {
        &self.topology_key
    }

    fn counts_node(&self, node: &NodeInfo) -> bool {
        let mut together = self.together.iter();
        let is_allowed = |allowed: &Allowed| {
            let Allowed {
                node_selector,
                affinity,
            } = allowed;
            node_affinity::allows(node_selector.as_ref(), affinity.as_ref(), node)
        };
        let is_tolerated = |tolerations: &Vec<Toleration>| {
            node.taints.iter().all(|taint| {
                taint.effect == "PreferNoSchedule" || selection::is_tolerated(tolerations, taint)
            })
        };
        together.all(|key| node.labels().contains_key(key))
            && self.allowed.as_ref().is_none_or(is_allowed)
            && self.tolerations.as_ref().is_none_or(is_tolerated)
    }

    fn counts_pod(&self, pod: &PodInfo) -> bool {
        pod.key.namespace == self.namespace
            && !pod.is_leaving()
            && selection::matches(&self.selector, pod.pod.metadata.labels.as_ref())
    }
}

/// Counts the pods that a constraint is about; only nodes that have all labels of `together` count.
fn count(
    constraint: &TopologySpreadConstraint,
    together: Vec<String>,
    pod: &PodInfo,
    snapshot: &Snapshot,
) -> Counted {
    let spec = pod.spec();
    let labels = pod.pod.metadata.labels.as_ref();
    let keys = constraint.match_label_keys.as_deref().unwrap_or_default();
    let selector = terms::with_own(constraint.label_selector.as_ref(), ("In", keys), labels);
    let selector = selector.map_or_else(Selector::nothing, |s| selection::labels(&s));
    let is_own = selection::matches(&selector, labels);
    let honours_affinity = constraint.node_affinity_policy.as_deref() != Some("Ignore");
    let honours_taints = constraint.node_taints_policy.as_deref() == Some("Honor");
    let census = Selected {
        topology_key: constraint.topology_key.clone(),
        selector,
        namespace: pod.key.namespace.clone(),
        together,
        allowed: honours_affinity.then(|| Allowed {
            node_selector: spec.node_selector.clone(),
            affinity: spec.affinity.clone(),
        }),
        tolerations: honours_taints.then(|| spec.tolerations.clone().unwrap_or_default()),
    };
    let tally = snapshot.tally(format!("spread {census:?}"), Box::new(census));
    Counted {
        skew_max: i64::from(constraint.max_skew),
        domains_min: usize::try_from(constraint.min_domains.unwrap_or(1)).unwrap_or(1),
        is_required: constraint.when_unsatisfiable == "DoNotSchedule",
        is_own,
        spread: tally.spread(),
        tally,
    }
}

#[cfg(test)]
mod tests;
