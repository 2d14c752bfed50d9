//! No two pods of a node take the same of its ports.

use crate::framework::{Concern, Happening, Plugin, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn hints(&self) -> &'static [Happening] {
        &[Happening::NodeAdded, Happening::PodGone]
    }

    fn pre_filter(&self, pod: &PodInfo, _: &Snapshot) -> Result<Concern, Rejection> {
        Ok(Concern::when(!pod.ports.is_empty()))
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let mut taken = node.pods.values().flat_map(|other| &other.ports);
        if taken.any(|taken| pod.ports.iter().any(|port| port.conflicts(taken))) {
            let reason = "node(s) didn't have free ports for the requested pod ports";
            return Err(Rejection::resolvable(reason));
        }
        Ok(())
    }
}
