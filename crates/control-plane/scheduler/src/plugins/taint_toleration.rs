//! Keeps pods off nodes whose taints they do not tolerate.

use k8s_openapi::api::core::v1::Toleration;

use crate::framework::{Concern, Happening, Plugin, Rejection, scale};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selection;
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct TaintToleration;

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn hints(&self) -> &'static [Happening] {
        &[Happening::NodeAdded, Happening::NodeTaints]
    }

    fn pre_filter(&self, _: &PodInfo, _: &Snapshot) -> Result<Concern, Rejection> {
        Ok(Concern::Each)
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let tolerations = tolerations(pod);
        let mut taints = node.taints.iter().filter(|taint| {
            let is_firm = taint.effect == "NoSchedule" || taint.effect == "NoExecute";
            is_firm && !selection::is_tolerated(tolerations, taint)
        });
        match taints.next() {
            None => Ok(()),
            Some(_) => Err(Rejection::firm("node(s) had untolerated taint(s)")),
        }
    }

    fn weight(&self) -> i64 {
        3
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        let tolerations = tolerations(pod);
        let taints = node.taints.iter().filter(|taint| {
            taint.effect == "PreferNoSchedule" && !selection::is_tolerated(tolerations, taint)
        });
        taints.map(|_| 1).sum()
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale(scores, true);
    }
}

fn tolerations(pod: &PodInfo) -> &[Toleration] {
    pod.spec().tolerations.as_deref().unwrap_or_default()
}
