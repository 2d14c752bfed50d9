//! The tallies that are kept: those that recent cycles asked for, and those of what the pods that
//! have a node want of others.
//!
//! Invariant: all of them are forgotten when nodes come, go or change their labels or taints.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use super::tally::{Census, Tally, Topology};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::terms::{Stance, Term};

/// Tallies that cycles asked for. Each costs a comparison for every pod that comes or goes.
const KEPT_MAX: usize = 64;

/// What some pods that have a node want of others, and where those pods are.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) stance: Stance,
    pub(crate) term: Term,
    pub(crate) tally: Arc<Tally>,
    /// How many pods want it.
    pods: AtomicI32,
}

#[derive(Debug)]
struct Kept {
    census: Box<dyn Census>,
    tally: Arc<Tally>,
    used_at: u64,
}

#[derive(Debug, Default)]
pub(super) struct Tallies {
    topologies: HashMap<String, Arc<Topology>>,
    kept: HashMap<String, Kept>,
    /// By the stance and the term's text; `None` until somebody asks.
    standing: Option<HashMap<(Stance, String), Arc<Standing>>>,
    uses: u64,
}

impl Tallies {
    /// The nodes are no longer what they were.
    pub(super) fn forget(&mut self) {
        self.topologies.clear();
        self.kept.clear();
        self.standing = None;
    }

    /// A pod came to a node (1) or went (-1).
    pub(super) fn count(&mut self, pod: &PodInfo, node: &NodeInfo, by: i32, nodes: &[NodeInfo]) {
        for kept in self.kept.values() {
            if kept.census.counts_pod(pod) {
                kept.tally.add(node.slot, by);
            }
        }
        if self.standing.is_some() {
            self.stand(pod, node, by, nodes);
        }
    }

    /// The tally of a census; `id` is the same for censuses that are the same.
    pub(super) fn tally(
        &mut self,
        id: String,
        census: Box<dyn Census>,
        nodes: &[NodeInfo],
    ) -> Arc<Tally> {
        self.uses += 1;
        let used_at = self.uses;
        if let Some(kept) = self.kept.get_mut(&id) {
            kept.used_at = used_at;
            return Arc::clone(&kept.tally);
        }
        if self.kept.len() >= KEPT_MAX {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used_at);
            let oldest = oldest.map(|(id, _)| id.clone());
            self.kept.remove(&oldest.expect("more than none are kept"));
        }
        let tally = Arc::new(self.once(&*census, nodes));
        let kept = Kept {
            census,
            tally: Arc::clone(&tally),
            used_at,
        };
        self.kept.insert(id, kept);
        tally
    }

    /// The tally of a census that answers differently from time to time.
    pub(super) fn once(&mut self, census: &dyn Census, nodes: &[NodeInfo]) -> Tally {
        Tally::full(self.topology(census.topology_key(), nodes), census, nodes)
    }

    /// What the pods that have a node want of others.
    pub(super) fn standing(&mut self, nodes: &[NodeInfo]) -> Vec<Arc<Standing>> {
        if self.standing.is_none() {
            self.standing = Some(HashMap::new());
            for node in nodes {
                for pod in node.pods.values() {
                    self.stand(pod, node, 1, nodes);
                }
            }
        }
        self.standing
            .iter()
            .flat_map(HashMap::values)
            .map(Arc::clone)
            .collect()
    }

    fn stand(&mut self, pod: &PodInfo, node: &NodeInfo, by: i32, nodes: &[NodeInfo]) {
        for (stance, term) in pod.affinity.stances() {
            let id = (stance, term.id.clone());
            let known = self.standing.as_ref().and_then(|all| all.get(&id));
            let standing = known.map(Arc::clone).unwrap_or_else(|| {
                let everyone = Everyone(term.topology_key.clone());
                let topology = self.topology(&term.topology_key, nodes);
                Arc::new(Standing {
                    stance,
                    term: term.clone(),
                    tally: Arc::new(Tally::empty(topology, &everyone, nodes)),
                    pods: AtomicI32::new(0),
                })
            });
            standing.tally.add(node.slot, by);
            let all = self.standing.get_or_insert_default();
            if standing.pods.fetch_add(by, Ordering::Relaxed) + by > 0 {
                all.insert(id, standing);
            } else {
                all.remove(&id);
            }
        }
    }

    fn topology(&mut self, key: &str, nodes: &[NodeInfo]) -> Arc<Topology> {
        if let Some(known) = self.topologies.get(key) {
            return Arc::clone(known);
        }
        let topology = Arc::new(Topology::of(key, nodes));
        self.topologies
            .insert(key.to_owned(), Arc::clone(&topology));
        topology
    }
}

/// All pods that are counted at all.
#[derive(Debug)]
struct Everyone(String);

impl Census for Everyone {
    fn topology_key(&self) -> &str {
        &self.0
    }

    fn counts_pod(&self, _: &PodInfo) -> bool {
        true
    }
}
