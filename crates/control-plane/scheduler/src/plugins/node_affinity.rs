//! Heeds node selectors and node affinity, required and preferred.

use k8s_openapi::api::core::v1::NodeAffinity as Affinity;

use crate::framework::{Happening, Plugin, Rejection, scale};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selection;
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct NodeAffinity;

/// Whether the node selector and the required node affinity of a pod allow a node.
pub(super) fn is_wanted(pod: &PodInfo, node: &NodeInfo) -> bool {
    let labels = node.labels();
    let selector = pod.spec().node_selector.iter().flatten();
    if { selector }.any(|(key, value)| labels.get(key) != Some(value)) {
        return false;
    }
    let required = affinity(pod).and_then(|affinity| {
        affinity
            .required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    required.is_none_or(|required| selection::selects(required, (&node.name, labels)))
}

fn affinity(pod: &PodInfo) -> Option<&Affinity> {
    pod.spec().affinity.as_ref()?.node_affinity.as_ref()
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn hints(&self) -> &'static [Happening] {
        &[Happening::NodeAdded, Happening::NodeLabels]
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
