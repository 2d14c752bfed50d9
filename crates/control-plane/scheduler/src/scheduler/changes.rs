//! What a change of the outside means for the snapshot and for waiting pods.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use styr_client::Change;

use super::Scheduler;
use crate::framework::Happening;
use crate::pod::PodInfo;

impl Scheduler {
    pub(super) fn node_changed(&mut self, change: Change<Node>) {
        match change {
            Change::Synced => {}
            Change::Deleted(node) => {
                let name = node.metadata.name.as_deref().unwrap_or_default();
                self.snapshot.remove_node(name);
            }
            Change::Applied { old, new } => {
                let happened = differences(old.as_deref(), &new);
                self.snapshot.set_node(new);
                self.wake(&happened);
            }
        }
    }

    pub(super) fn pod_changed(&mut self, change: Change<Pod>) {
        let (old, new) = match change {
            Change::Synced => return,
            Change::Deleted(pod) => {
                self.forget(&pod);
                return;
            }
            Change::Applied { old, new } => (old, new),
        };
        if let Some(old) = old.filter(|old| old.metadata.uid != new.metadata.uid) {
            self.forget(&old);
        }
        let info = Arc::new(PodInfo::new(new));
        if let Some(node) = info.node() {
            self.queue.remove(&info.uid);
            self.place(&info, node);
        } else if info.is_leaving() {
            self.queue.remove(&info.uid);
        } else if self.recorders.contains_key(info.scheduler()) && !self.is_placed(&info) {
            let is_gated = self.plugins.iter().any(|p| p.pre_enqueue(&info).is_err());
            self.queue.add(info, is_gated, self.clock.monotonic());
        }
    }

    /// Takes room on a node for a pod.
    pub(super) fn place(&mut self, info: &Arc<PodInfo>, node: &str) {
        if self.snapshot.place(info, node) {
            self.wake(&[Happening::PodPlaced]);
        }
    }

    /// Gives a pod's room back, if it has some.
    pub(super) fn gone(&mut self, uid: &str) {
        if self.snapshot.remove(uid) {
            self.wake(&[Happening::PodGone]);
        }
    }

    fn forget(&mut self, pod: &Pod) {
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        self.queue.remove(uid);
        if self.nominated.remove(uid).is_some() {
            self.wake(&[Happening::PodGone]);
        }
        self.gone(uid);
    }

    fn is_placed(&self, info: &PodInfo) -> bool {
        self.snapshot.is_placed(&info.uid)
    }

    pub(super) fn wake(&mut self, happened: &[Happening]) {
        if happened.is_empty() {
            return;
        }
        let plugins = &self.plugins;
        let helps = |name: &str| {
            let mut named = plugins.iter().filter(|plugin| plugin.name() == name);
            named.any(|plugin| happened.iter().any(|h| plugin.hints().contains(h)))
        };
        self.queue.wake(helps, self.clock.monotonic());
    }
}

/// What changed of a node, as far as pods care; mostly nothing, since nodes write their status often.
fn differences(old: Option<&Node>, new: &Node) -> Vec<Happening> {
    let Some(old) = old.filter(|old| old.metadata.uid == new.metadata.uid) else {
        return vec![Happening::NodeAdded];
    };
    let mut happened = Vec::new();
    if old.metadata.labels != new.metadata.labels {
        happened.push(Happening::NodeLabels);
    }
    if old.spec != new.spec {
        happened.push(Happening::NodeTaints);
    }
    let allocatable = |node: &Node| node.status.as_ref().and_then(|s| s.allocatable.clone());
    if allocatable(old) != allocatable(new) {
        happened.push(Happening::NodeAllocatable);
    }
    happened
}
