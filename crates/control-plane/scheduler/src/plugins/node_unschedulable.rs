//! Leaves nodes alone that are cordoned, save for pods that tolerate it.

use k8s_openapi::api::core::v1::Taint;

use crate::framework::{Concern, Happening, Plugin, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selection;
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn hints(&self) -> &'static [Happening] {
        &[Happening::NodeAdded, Happening::NodeTaints]
    }

    fn pre_filter(&self, _: &PodInfo, _: &Snapshot) -> Result<Concern, Rejection> {
        Ok(Concern::Each)
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        if !node.is_unschedulable {
            return Ok(());
        }
        let taint = Taint {
            key: "node.kubernetes.io/unschedulable".to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Taint::default()
        };
        let tolerations = pod.spec().tolerations.as_deref().unwrap_or_default();
        if selection::is_tolerated(tolerations, &taint) {
            return Ok(());
        }
        Err(Rejection::firm("node(s) were unschedulable"))
    }
}
