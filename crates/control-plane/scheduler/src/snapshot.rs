//! All nodes with their pods, kept current change by change; includes pods that were only just
//! given a node and that the server has not yet shown there.

mod tallies;
mod tally;
mod uses;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use k8s_openapi::api::core::v1::{ContainerImage, Node};

use crate::node::NodeInfo;
use crate::pod::PodInfo;
pub(crate) use tallies::Standing;
use tallies::Tallies;
pub(crate) use tally::{Census, Spread, Tally};
use uses::Uses;

const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";

/// The state that a scheduling cycle looks at.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// By slot. A slot is free if there is neither a node nor a pod in it.
    nodes: Vec<NodeInfo>,
    free: Vec<usize>,
    by_name: HashMap<String, usize>,
    /// The slot of each pod that has a node, by the pod's uid.
    placed: HashMap<String, usize>,
    /// The slots of the nodes that exist; made anew when they have changed.
    order: OnceLock<Vec<usize>>,
    tallies: Mutex<Tallies>,
    /// How many nodes have an image, by its names.
    images: Uses,
    /// How many pods with a node use a claim, by `namespace/name`.
    claims: Uses,
}

impl Snapshot {
    /// The nodes that exist: by name, but neighbours are of different zones.
    pub(crate) fn nodes(&self) -> impl ExactSizeIterator<Item = &NodeInfo> {
        let order = self.order.get_or_init(|| order(&self.nodes));
        order.iter().map(|slot| &self.nodes[*slot])
    }

    /// As [`Self::nodes`], but beginning at the `start`th.
    pub(crate) fn nodes_from(&self, start: usize) -> impl Iterator<Item = &NodeInfo> {
        let before = self.nodes().take(start);
        self.nodes().skip(start).chain(before)
    }

    pub(crate) fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.by_name.get(name).map(|slot| &self.nodes[*slot])
    }

    pub(crate) fn set_node(&mut self, node: Arc<Node>) {
        let slot = self.slot(node.metadata.name.as_deref().unwrap_or_default());
        let is_same = self.nodes[slot].node.as_ref().is_some_and(|known| {
            known.metadata.labels == node.metadata.labels && known.spec == node.spec
        });
        self.replace_node(slot, Some(node));
        if !is_same {
            self.nodes_changed();
        }
    }

    pub(crate) fn remove_node(&mut self, name: &str) {
        if let Some(slot) = self.by_name.get(name).copied() {
            self.replace_node(slot, None);
            self.nodes_changed();
            self.release(slot);
        }
    }

    /// Puts a pod on a node; from there on, its room is taken. Answers whether it was not there.
    pub(crate) fn place(&mut self, pod: &Arc<PodInfo>, node: &str) -> bool {
        let slot = self.slot(node);
        let before = self.placed.insert(pod.uid.clone(), slot);
        if let Some(before) = before {
            self.take_off(&pod.uid, before);
        }
        self.nodes[slot].add(pod);
        self.count(pod, slot, 1);
        before != Some(slot)
    }

    /// Gives a pod's room back. Answers whether it had some.
    pub(crate) fn remove(&mut self, uid: &str) -> bool {
        let slot = self.placed.remove(uid);
        if let Some(slot) = slot {
            self.take_off(uid, slot);
            self.release(slot);
        }
        slot.is_some()
    }

    /// How many nodes have an image.
    pub(crate) fn nodes_with_image(&self, name: &str) -> usize {
        self.images.of(name)
    }

    /// How many pods that have a node use a claim.
    pub(crate) fn pods_with_claim(&self, namespace: &str, claim: &str) -> usize {
        self.claims.of(&format!("{namespace}/{claim}"))
    }

    pub(crate) fn is_placed(&self, uid: &str) -> bool {
        self.placed.contains_key(uid)
    }

    /// The tally of a census; `id` is the same for censuses that are the same.
    pub(crate) fn tally(&self, id: String, census: Box<dyn Census>) -> Arc<Tally> {
        self.tallies().tally(id, census, &self.nodes)
    }

    /// The tally of a census whose answers depend on more than nodes and pods.
    pub(crate) fn tally_once(&self, census: &dyn Census) -> Arc<Tally> {
        Arc::new(self.tallies().once(census, &self.nodes))
    }

    /// What the pods that have a node want of others.
    pub(crate) fn standing(&self) -> Vec<Arc<Standing>> {
        self.tallies().standing(&self.nodes)
    }

    fn slot(&mut self, name: &str) -> usize {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or(self.nodes.len());
        let info = NodeInfo::new(name, slot);
        if slot == self.nodes.len() {
            self.nodes.push(info);
        } else {
            self.nodes[slot] = info;
        }
        self.by_name.insert(name.to_owned(), slot);
        slot
    }

    /// Forgets a node that is gone, with its last pod.
    fn release(&mut self, slot: usize) {
        let info = &self.nodes[slot];
        if info.node.is_none() && info.pods.is_empty() {
            self.by_name.remove(&info.name);
            self.free.push(slot);
        }
    }

    fn take_off(&mut self, uid: &str, slot: usize) {
        if let Some(pod) = self.nodes[slot].remove(uid) {
            self.count(&pod, slot, -1);
        }
    }

    fn replace_node(&mut self, slot: usize, node: Option<Arc<Node>>) {
        let info = &mut self.nodes[slot];
        let is_same = images(info.node.as_deref()) == images(node.as_deref());
        if is_same {
            info.set_node(node);
            return;
        }
        info.images
            .keys()
            .for_each(|name| self.images.add(name, -1));
        info.set_node(node);
        info.images.keys().for_each(|name| self.images.add(name, 1));
    }

    fn count(&mut self, pod: &PodInfo, slot: usize, by: i32) {
        for claim in &pod.claims {
            self.claims
                .add(&format!("{}/{claim}", pod.key.namespace), by);
        }
        let tallies = self.tallies.get_mut();
        let tallies = tallies.expect("no holder of this lock panics");
        tallies.count(pod, &self.nodes[slot], by, &self.nodes);
    }

    fn nodes_changed(&mut self) {
        self.order.take();
        self.tallies().forget();
    }

    fn tallies(&self) -> std::sync::MutexGuard<'_, Tallies> {
        self.tallies.lock().expect("no holder of this lock panics")
    }
}

fn images(node: Option<&Node>) -> Option<&Vec<ContainerImage>> {
    node?.status.as_ref()?.images.as_ref()
}

/// One node of each zone after the other, so that any stretch of them is spread over the zones.
fn order(nodes: &[NodeInfo]) -> Vec<usize> {
    let mut zones: BTreeMap<_, Vec<&NodeInfo>> = BTreeMap::new();
    for node in nodes.iter().filter(|node| node.node.is_some()) {
        let labels = node.labels();
        let zone = (labels.get(REGION), labels.get(ZONE));
        zones.entry(zone).or_default().push(node);
    }
    for zone in zones.values_mut() {
        zone.sort_by(|one, other| one.name.cmp(&other.name));
    }
    let largest = zones.values().map(Vec::len).max().unwrap_or(0);
    let rounds = (0..largest).flat_map(|round| {
        let of_round = zones.values().filter_map(move |zone| zone.get(round));
        of_round.map(|node| node.slot)
    });
    rounds.collect()
}

#[cfg(test)]
mod tests;
