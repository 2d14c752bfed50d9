//! A node, with what is on it summed up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Taint};

use crate::pod::PodInfo;
use crate::resources::Resources;

/// A node and its pods; pods may be known before their node is.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeInfo {
    pub(crate) name: String,
    pub(crate) node: Option<Arc<Node>>,
    pub(crate) allocatable: Resources,
    pub(crate) requested: Resources,
    pub(crate) assumed_requested: Resources,
    pub(crate) pods: HashMap<String, Arc<PodInfo>>,
    /// How many pods of each controller are here.
    by_controller: HashMap<String, usize>,
    /// The pods that others must keep away from.
    guards: HashMap<String, Arc<PodInfo>>,
}

impl NodeInfo {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn set_node(&mut self, node: Option<Arc<Node>>) {
        let status = node.as_ref().and_then(|node| node.status.as_ref());
        let allocatable = status.and_then(|status| status.allocatable.as_ref());
        self.allocatable = Resources::of(allocatable);
        self.node = node;
    }

    pub(crate) fn add(&mut self, pod: &Arc<PodInfo>) {
        self.remove(&pod.uid);
        self.requested.add(&pod.requests);
        self.assumed_requested.add(&pod.assumed_requests);
        if let Some(controller) = &pod.controller {
            *self.by_controller.entry(controller.clone()).or_default() += 1;
        }
        if !pod.affinity.far.is_empty() {
            self.guards.insert(pod.uid.clone(), Arc::clone(pod));
        }
        self.pods.insert(pod.uid.clone(), Arc::clone(pod));
    }

    pub(crate) fn remove(&mut self, uid: &str) {
        let Some(pod) = self.pods.remove(uid) else {
            return;
        };
        self.guards.remove(uid);
        self.requested.subtract(&pod.requests);
        self.assumed_requested.subtract(&pod.assumed_requests);
        let Some(controller) = &pod.controller else {
            return;
        };
        if let Some(count) = self.by_controller.get_mut(controller) {
            *count -= 1;
            if *count == 0 {
                self.by_controller.remove(controller);
            }
        }
    }

    /// The pods here that require others to keep away.
    pub(crate) fn guards(&self) -> impl Iterator<Item = &Arc<PodInfo>> {
        self.guards.values()
    }

    pub(crate) fn siblings(&self, pod: &PodInfo) -> usize {
        let controller = pod.controller.as_ref();
        let count = controller.and_then(|controller| self.by_controller.get(controller));
        count.copied().unwrap_or(0)
    }

    pub(crate) fn labels(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        let labels = self.node.as_ref().and_then(|n| n.metadata.labels.as_ref());
        labels.unwrap_or(&NONE)
    }

    pub(crate) fn taints(&self) -> &[Taint] {
        let spec = self.node.as_ref().and_then(|node| node.spec.as_ref());
        spec.and_then(|spec| spec.taints.as_deref())
            .unwrap_or_default()
    }

    pub(crate) fn is_unschedulable(&self) -> bool {
        let spec = self.node.as_ref().and_then(|node| node.spec.as_ref());
        spec.is_some_and(|spec| spec.unschedulable == Some(true))
    }
}
