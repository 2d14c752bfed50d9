//! Heeds node selectors and node affinity, required and preferred.

use k8s_openapi::api::core::v1::{Affinity, NodeAffinity as Preferences};

use crate::framework::{Concern, Happening, Plugin, Rejection, scale};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selection::{self, Labels};
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct NodeAffinity;

/// Whether the node selector and the required node affinity of a pod allow a node.
fn is_wanted(pod: &PodInfo, node: &NodeInfo) -> bool {
    let spec = pod.spec();
    allows(spec.node_selector.as_ref(), spec.affinity.as_ref(), node)
}

/// Whether a node selector and a required node affinity allow a node.
pub(super) fn allows(
    selector: Option<&Labels>,
    affinity: Option<&Affinity>,
    node: &NodeInfo,
) -> bool {
    let labels = node.labels();
    let mut selector = selector.into_iter().flatten();
    if selector.any(|(key, value)| labels.get(key) != Some(value)) {
        return false;
    }
    let affinity = affinity.and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| {
        affinity
            .required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    required.is_none_or(|required| selection::selects(required, (&node.name, labels)))
}

fn affinity(pod: &PodInfo) -> Option<&Preferences> {
    pod.spec().affinity.as_ref()?.node_affinity.as_ref()
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn hints(&self) -> &'static [Happening] {
        &[Happening::NodeAdded, Happening::NodeLabels]
    }

    fn pre_filter(&self, pod: &PodInfo, _: &Snapshot) -> Result<Concern, Rejection> {
        let has_selector = pod.spec().node_selector.iter().flatten().next().is_some();
        Ok(Concern::when(has_selector || affinity(pod).is_some()))
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        if is_wanted(pod, node) {
            return Ok(());
        }
        let reason = "node(s) didn't match Pod's node affinity/selector";
        Err(Rejection::firm(reason))
    }

    fn weight(&self) -> i64 {
        2
    }

    fn pre_score(&self, pod: &PodInfo) -> Concern {
        Concern::when(affinity(pod).is_some())
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        let preferred = affinity(pod).and_then(|affinity| {
            affinity
                .preferred_during_scheduling_ignored_during_execution
                .as_deref()
        });
        let place = (node.name.as_str(), node.labels());
        let met = preferred.unwrap_or_default().iter();
        met.filter(|term| selection::term_selects(&term.preference, place))
            .map(|term| i64::from(term.weight))
            .sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale(scores, false);
    }
}
