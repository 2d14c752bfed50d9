//! A node, with what is on it summed up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ContainerImage, Node, Taint};

use crate::pod::PodInfo;
use crate::resources::Resources;

/// A node and its pods; pods may be known before their node is.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeInfo {
    pub(crate) name: String,
    /// Its place in the snapshot.
    pub(crate) slot: usize,
    pub(crate) node: Option<Arc<Node>>,
    /// The bytes of each image that is there, by each of its names.
    pub(crate) images: HashMap<String, i64>,
    /// These two are asked for each pod, so they are kept at hand.
    pub(crate) taints: Vec<Taint>,
    pub(crate) is_unschedulable: bool,
    pub(crate) allocatable: Resources,
    pub(crate) requested: Resources,
    pub(crate) assumed_requested: Resources,
    pub(crate) pods: HashMap<String, Arc<PodInfo>>,
    /// How many pods of each controller are here.
    by_controller: HashMap<String, usize>,
}

impl NodeInfo {
    pub(crate) fn new(name: &str, slot: usize) -> Self {
        Self {
            name: name.to_owned(),
            slot,
            ..Self::default()
        }
    }

    pub(crate) fn set_node(&mut self, node: Option<Arc<Node>>) {
        let status = node.as_ref().and_then(|node| node.status.as_ref());
        let allocatable = status.and_then(|status| status.allocatable.as_ref());
        self.allocatable = Resources::of(allocatable);
        let spec = node.as_ref().and_then(|node| node.spec.as_ref());
        let taints = spec.and_then(|spec| spec.taints.clone());
        self.taints = taints.unwrap_or_default();
        self.is_unschedulable = spec.is_some_and(|spec| spec.unschedulable == Some(true));
        let images = status.and_then(|status| status.images.as_deref());
        self.images = images.map(by_name).unwrap_or_default();
        self.node = node;
    }

    pub(crate) fn add(&mut self, pod: &Arc<PodInfo>) {
        self.remove(&pod.uid);
        self.requested.add(&pod.requests);
        self.assumed_requested.add(&pod.assumed_requests);
        if let Some(controller) = &pod.controller {
            *self.by_controller.entry(controller.clone()).or_default() += 1;
        }
        self.pods.insert(pod.uid.clone(), Arc::clone(pod));
    }

    /// Takes a pod off; answers it as it was when it came.
    pub(crate) fn remove(&mut self, uid: &str) -> Option<Arc<PodInfo>> {
        let pod = self.pods.remove(uid)?;
        self.requested.subtract(&pod.requests);
        self.assumed_requested.subtract(&pod.assumed_requests);
        if let Some(controller) = &pod.controller
            && let Some(count) = self.by_controller.get_mut(controller)
        {
            *count -= 1;
            if *count == 0 {
                self.by_controller.remove(controller);
            }
        }
        Some(pod)
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
}

fn by_name(images: &[ContainerImage]) -> HashMap<String, i64> {
    let names = images.iter().flat_map(|image| {
        let names = image.names.iter().flatten();
        names.map(|name| (name.clone(), image.size_bytes.unwrap_or(0)))
    });
    names.collect()
}
