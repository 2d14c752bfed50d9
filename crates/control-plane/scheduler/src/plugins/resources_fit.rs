//! A node takes only as much as it has room for; emptier ones are better.

use crate::framework::{Happening, Plugin, Rejection, SCORE_MAX};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
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

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let mut reasons = Vec::new();
        let mut is_resolvable = true;
        let pods = i64::try_from(node.pods.len()).unwrap_or(i64::MAX);
        if pods >= node.allocatable.get("pods") {
            reasons.push("Too many pods".to_owned());
        }
        for (name, wanted) in pod.requests.iter() {
            let room = node.allocatable.get(name);
            if wanted > 0 && wanted > room - node.requested.get(name) {
                is_resolvable &= wanted <= room;
                reasons.push(format!("Insufficient {name}"));
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
        let free = |name: &str| {
            let room = node.allocatable.get(name);
            let taken = node.assumed_requested.get(name) + pod.assumed_requests.get(name);
            if room == 0 || taken > room {
                return 0;
            }
            (room - taken) * SCORE_MAX / room
        };
        i64::midpoint(free("cpu"), free("memory"))
    }
}
