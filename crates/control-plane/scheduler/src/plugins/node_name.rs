//! Heeds a node that the pod names itself.

use crate::framework::{Concern, Happening, Plugin, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn hints(&self) -> &'static [Happening] {
        &[Happening::NodeAdded]
    }

    fn pre_filter(&self, pod: &PodInfo, _: &Snapshot) -> Result<Concern, Rejection> {
        Ok(Concern::when(pod.node().is_some()))
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        if pod.node().is_none_or(|wanted| wanted == node.name) {
            return Ok(());
        }
        let reason = "node(s) didn't match the requested node name";
        Err(Rejection::firm(reason))
    }
}
