//! All nodes with their pods, kept current change by change; includes pods that were only just
//! given a node and that the server has not yet shown there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;

use crate::node::NodeInfo;
use crate::pod::PodInfo;

/// The state that a scheduling cycle looks at.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    nodes: BTreeMap<String, NodeInfo>,
    /// The node of each pod that has one, by the pod's uid.
    placed: HashMap<String, String>,
}

impl Snapshot {
    /// The nodes that exist, by name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.nodes.values().filter(|node| node.node.is_some())
    }

    pub(crate) fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.nodes.get(name)
    }

    pub(crate) fn set_node(&mut self, node: Arc<Node>) {
        let name = node.metadata.name.clone().unwrap_or_default();
        let info = self.nodes.entry(name.clone());
        let info = info.or_insert_with(|| NodeInfo::new(&name));
        info.set_node(Some(node));
    }

    pub(crate) fn remove_node(&mut self, name: &str) {
        if let Some(info) = self.nodes.get_mut(name) {
            info.set_node(None);
            if info.pods.is_empty() {
                self.nodes.remove(name);
            }
        }
    }

    /// Puts a pod on a node; from there on, its room is taken. Answers whether it was not there.
    pub(crate) fn place(&mut self, pod: &Arc<PodInfo>, node: &str) -> bool {
        let before = self.placed.insert(pod.uid.clone(), node.to_owned());
        let is_new = before.as_deref() != Some(node);
        if let Some(before) = before.filter(|_| is_new) {
            self.take_off(&pod.uid, &before);
        }
        let info = self.nodes.entry(node.to_owned());
        info.or_insert_with(|| NodeInfo::new(node)).add(pod);
        is_new
    }

    /// Gives a pod's room back. Answers whether it had some.
    pub(crate) fn remove(&mut self, uid: &str) -> bool {
        let node = self.placed.remove(uid);
        if let Some(node) = &node {
            self.take_off(uid, node);
        }
        node.is_some()
    }

    pub(crate) fn is_placed(&self, uid: &str) -> bool {
        self.placed.contains_key(uid)
    }

    fn take_off(&mut self, uid: &str, node: &str) {
        if let Some(info) = self.nodes.get_mut(node) {
            info.remove(uid);
            if info.node.is_none() && info.pods.is_empty() {
                self.nodes.remove(node);
            }
        }
    }
}
