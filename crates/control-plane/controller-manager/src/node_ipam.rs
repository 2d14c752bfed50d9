//! Gives every node a range of pod addresses.
//!
//! Watches nodes, writes `podCIDR` and `podCIDRs`, once. Only with `--allocate-node-cidrs`.
//! Invariant: two nodes never have overlapping ranges; no range overlaps with the Services'.

mod range;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Node;
use serde_json::json;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Scope};

use crate::context::Context;
use range::Range;

/// Registers the controller, if ranges are to be allocated.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let config = &context.config;
    if !config.allocate_node_cidrs || config.cluster_cidrs.is_empty() {
        return Ok(Vec::new());
    }
    let parse = |text: &String| Range::parse(text);
    let clusters = config
        .cluster_cidrs
        .iter()
        .map(parse)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let services = config
        .service_cidrs
        .iter()
        .map(parse)
        .collect::<anyhow::Result<Vec<_>>>()?;
    for cluster in &clusters {
        let mask = if cluster.is_ipv4() {
            config.mask_ipv4
        } else {
            config.mask_ipv6
        };
        anyhow::ensure!(
            mask >= cluster.length(),
            "could not divide cluster range {cluster} into nodes' ranges of /{mask}"
        );
    }
    let reconciler = Ranges {
        context: context.clone(),
        nodes: context.caches.cache(Scope::all()),
        clusters,
        services,
        given: Mutex::default(),
    };
    // One worker: ranges are given out one after the other.
    Ok(vec![
        Registration::new("node-ipam-controller", reconciler).primary::<Node>(),
    ])
}

struct Ranges {
    context: Context,
    nodes: Cache<Node>,
    clusters: Vec<Range>,
    services: Vec<Range>,
    /// What was given to a node, and may not be in the cache yet.
    given: Mutex<BTreeMap<String, Vec<Range>>>,
}

#[async_trait]
impl Reconciler for Ranges {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(node) = self.nodes.get_key(key) else {
            self.given().remove(&key.name);
            return Ok(Next::Wait);
        };
        if node.metadata.deletion_timestamp.is_some() || !ranges_of(&node).is_empty() {
            self.given().remove(&key.name);
            return Ok(Next::Wait);
        }
        let Some(ranges) = self.choose(&key.name) else {
            let text = format!("Node {key} status is now: CIDRNotAvailable");
            self.context
                .recorder
                .normal(&*node, "CIDRNotAvailable", text);
            anyhow::bail!("could not give node {key} a range of addresses: all are taken");
        };
        let texts: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        let patch = json!({
            "metadata": { "uid": node.metadata.uid },
            "spec": { "podCIDR": texts.first(), "podCIDRs": texts },
        });
        self.context
            .client
            .strategic_patch::<Node>("", &key.name, &patch)
            .await?;
        Ok(Next::Wait)
    }
}

impl Ranges {
    fn given(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<Range>>> {
        self.given.lock().expect("no holder of this lock panics")
    }

    fn choose(&self, name: &str) -> Option<Vec<Range>> {
        let mut given = self.given();
        if let Some(known) = given.get(name) {
            return Some(known.clone());
        }
        let mut taken: BTreeSet<Range> = given.values().flatten().copied().collect();
        taken.extend(self.nodes.list().iter().flat_map(|node| ranges_of(node)));
        let config = &self.context.config;
        let chosen: Option<Vec<Range>> = self
            .clusters
            .iter()
            .map(|cluster| {
                let mask = if cluster.is_ipv4() {
                    config.mask_ipv4
                } else {
                    config.mask_ipv6
                };
                let taken = taken.iter().chain(&self.services);
                cluster.first_free(mask, &taken.copied().collect::<Vec<_>>())
            })
            .collect();
        let chosen = chosen?;
        given.insert(name.to_owned(), chosen.clone());
        Some(chosen)
    }
}

fn ranges_of(node: &Node) -> Vec<Range> {
    let Some(spec) = &node.spec else {
        return Vec::new();
    };
    let all = spec.pod_cidrs.iter().flatten().chain(&spec.pod_cidr);
    let ranges: BTreeSet<Range> = all.filter_map(|text| Range::parse(text).ok()).collect();
    ranges.into_iter().collect()
}
