//! A node takes only as much as it has room for; emptier ones are better.

use crate::framework::{Concern, Happening, Plugin, Rejection, SCORE_MAX};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::resources::{CPU, MEMORY, PODS};
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct NodeResourcesFit;

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn hints(&self) -> &'static [Happening] {
        &[
            Happening::NodeAdded,
            Happening::NodeAllocatable,
            Happening::PodGone,
        ]
    }

    fn pre_filter(&self, _: &PodInfo, _: &Snapshot) -> Result<Concern, Rejection> {
        Ok(Concern::Each)
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let mut reasons = Vec::new();
        let mut is_resolvable = true;
        let pods = i64::try_from(node.pods.len()).unwrap_or(i64::MAX);
        if pods >= node.allocatable.common(PODS) {
            reasons.push("Too many pods".into());
        }
        let wanted = pod.requests.beside(&node.allocatable, &node.requested);
        for (name, wanted, room, taken) in wanted {
            if wanted > room - taken {
                is_resolvable &= wanted <= room;
                reasons.push(format!("Insufficient {name}").into());
            }
        }
        if reasons.is_empty() {
            return Ok(());
        }
        Err(Rejection {
            reasons,
            is_resolvable,
        })
    }

    fn weight(&self) -> i64 {
        1
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        let free = |resource: usize| {
            let room = node.allocatable.common(resource);
            let before = node.assumed_requested.common(resource);
            let taken = before + pod.assumed_requests.common(resource);
            if room == 0 || taken > room {
                return 0;
            }
            (room - taken) * SCORE_MAX / room
        };
        i64::midpoint(free(CPU), free(MEMORY))
    }
}
