//! Prefers nodes where processors and memory are used alike.

use crate::framework::{Plugin, SCORE_MAX};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::resources::{CPU, MEMORY};
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct NodeResourcesBalancedAllocation;

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        let percent = |resource: usize| {
            let room = node.allocatable.common(resource);
            let taken = node.requested.common(resource) + pod.requests.common(resource);
            if room == 0 {
                return SCORE_MAX;
            }
            (taken.saturating_mul(SCORE_MAX) / room).clamp(0, SCORE_MAX)
        };
        // Of two numbers, the standard deviation is half their distance.
        SCORE_MAX - (percent(CPU) - percent(MEMORY)).abs() / 2
    }
}
