//! Spreads the pods of one controller over the nodes.
//!
//! Constraints that must hold (`whenUnsatisfiable: DoNotSchedule`) are not known yet: such pods are
//! rejected, and told so.

use crate::framework::{Plugin, Rejection, scale};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct PodTopologySpread;

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn pre_filter(&self, pod: &PodInfo, _: &Snapshot) -> Result<(), Rejection> {
        let mut constraints = pod.spec().topology_spread_constraints.iter().flatten();
        if constraints.any(|constraint| constraint.when_unsatisfiable == "DoNotSchedule") {
            let reason = "topologySpreadConstraints with DoNotSchedule are not implemented";
            return Err(Rejection::firm(reason));
        }
        Ok(())
    }

    fn weight(&self) -> i64 {
        2
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        i64::try_from(node.siblings(pod)).unwrap_or(i64::MAX)
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale(scores, true);
    }
}
