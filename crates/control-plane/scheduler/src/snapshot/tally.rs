//! Pods counted by the value that a label of their node has; kept current pod by pod.
//!
//! A count is made once by a pass over all pods, and then by one step for each pod that comes or
//! goes, so a cycle costs the same however many pods there are.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::node::NodeInfo;
use crate::pod::PodInfo;

/// Which pods are counted, and by which label.
pub(crate) trait Census: Debug + Send + Sync {
    fn topology_key(&self) -> &str;

    /// Whether the pods of a node count.
    fn counts_node(&self, _node: &NodeInfo) -> bool {
        true
    }

    fn counts_pod(&self, pod: &PodInfo) -> bool;
}

/// The value of a label, as a number, for each node.
#[derive(Debug, Default)]
pub(super) struct Topology {
    /// By the node's slot.
    values: Vec<Option<usize>>,
    count: usize,
}

impl Topology {
    pub(super) fn of(key: &str, nodes: &[NodeInfo]) -> Self {
        let mut numbers = HashMap::new();
        let values = nodes.iter().map(|node| {
            let value = node.labels().get(key)?;
            let next = numbers.len();
            Some(*numbers.entry(value).or_insert(next))
        });
        let values = values.collect();
        Self {
            values,
            count: numbers.len(),
        }
    }

    fn value(&self, slot: usize) -> Option<usize> {
        self.values.get(slot).copied().flatten()
    }
}

/// The counts of a census.
#[derive(Debug)]
pub(crate) struct Tally {
    topology: Arc<Topology>,
    /// Whether a node's pods count, by the node's slot.
    is_counted: Vec<bool>,
    /// Whether some node with the value counts.
    is_domain: Vec<bool>,
    /// By the number of the value.
    counts: Vec<AtomicI32>,
}

impl Tally {
    pub(super) fn empty(topology: Arc<Topology>, census: &dyn Census, nodes: &[NodeInfo]) -> Self {
        let counts_node = |node: &NodeInfo| node.node.is_some() && census.counts_node(node);
        let is_counted: Vec<bool> = nodes.iter().map(counts_node).collect();
        let mut is_domain = vec![false; topology.count];
        for (slot, _) in is_counted.iter().enumerate().filter(|(_, counts)| **counts) {
            if let Some(value) = topology.value(slot) {
                is_domain[value] = true;
            }
        }
        let counts = (0..topology.count).map(|_| AtomicI32::new(0));
        Self {
            counts: counts.collect(),
            topology,
            is_counted,
            is_domain,
        }
    }

    /// As [`Self::empty`], with all pods in it.
    pub(super) fn full(topology: Arc<Topology>, census: &dyn Census, nodes: &[NodeInfo]) -> Self {
        let tally = Self::empty(topology, census, nodes);
        for node in nodes {
            let pods = node.pods.values().filter(|pod| census.counts_pod(pod));
            let count = i32::try_from(pods.count()).unwrap_or(i32::MAX);
            tally.add(node.slot, count);
        }
        tally
    }

    /// This many pods came to a node; fewer than none went.
    pub(super) fn add(&self, slot: usize, count: i32) {
        let counts = self.is_counted.get(slot).is_some_and(|counts| *counts);
        if let Some(value) = self.topology.value(slot).filter(|_| counts) {
            self.counts[value].fetch_add(count, Ordering::Relaxed);
        }
    }

    /// How many there are where the node is; `None` if the node has no such label.
    pub(crate) fn at(&self, node: &NodeInfo) -> Option<i64> {
        let value = self.topology.value(node.slot)?;
        Some(i64::from(self.counts[value].load(Ordering::Relaxed)))
    }

    /// Whether there is none anywhere.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts
            .iter()
            .all(|count| count.load(Ordering::Relaxed) == 0)
    }

    /// How many values there are, the fewest pods that one has, and the most.
    pub(crate) fn spread(&self) -> Spread {
        let mut spread = Spread::default();
        let domains = self.counts.iter().zip(&self.is_domain);
        for (count, _) in domains.filter(|(_, is_domain)| **is_domain) {
            let count = i64::from(count.load(Ordering::Relaxed));
            let is_first = spread.domains == 0;
            spread.domains += 1;
            spread.least = if is_first {
                count
            } else {
                spread.least.min(count)
            };
            spread.most = spread.most.max(count);
        }
        spread
    }
}

/// How even a tally is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) domains: usize,
    pub(crate) least: i64,
    pub(crate) most: i64,
}
