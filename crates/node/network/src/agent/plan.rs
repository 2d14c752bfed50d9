//! What the node's network should be, from the list of nodes. Pure.

use std::net::Ipv4Addr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;

/// An IPv4 network: its address and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network(pub(super) Ipv4Addr, pub(super) u8);

/// What the kernel should do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// This node's pods.
    pub(super) own: Network,
    /// This node's address.
    pub(super) address: Ipv4Addr,
    /// The other nodes' pods and addresses, in order.
    pub(super) peers: Vec<(Network, Ipv4Addr)>,
    /// Where packets of pods go unchanged.
    pub(super) cluster: Vec<Network>,
}

/// Reads `10.244.0.0/16`.
pub(super) fn parse_network(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (ip, prefix) = text.split_once('/')?;
    let prefix = prefix.parse::<u8>().ok().filter(|prefix| *prefix <= 32)?;
    let ip = u32::from(ip.parse::<Ipv4Addr>().ok()?);
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    Some((Ipv4Addr::from(ip & mask), prefix))
}

/// `None` as long as this node has no pod network or no address.
pub(super) fn plan(
    nodes: &[Arc<Node>],
    own_name: &str,
    cluster: &[(Ipv4Addr, u8)],
) -> Option<Plan> {
    let is_own = |node: &Node| node.metadata.name.as_deref() == Some(own_name);
    let own_node = nodes.iter().find(|node| is_own(node))?;
    let (own, address) = network_of(own_node)?;
    let mut peers: Vec<_> = nodes
        .iter()
        .filter(|node| !is_own(node))
        .filter_map(|node| network_of(node))
        .collect();
    peers.sort_unstable();
    peers.dedup();
    let mut cluster: Vec<Network> = if cluster.is_empty() {
        peers
            .iter()
            .map(|(network, _)| *network)
            .chain([own])
            .collect()
    } else {
        cluster
            .iter()
            .map(|(ip, prefix)| Network(*ip, *prefix))
            .collect()
    };
    cluster.sort_unstable();
    cluster.dedup();
    Some(Plan {
        own,
        address,
        peers,
        cluster,
    })
}

fn network_of(node: &Node) -> Option<(Network, Ipv4Addr)> {
    let spec = node.spec.as_ref()?;
    let several = spec.pod_cidrs.iter().flatten();
    let (ip, prefix) = several
        .chain(&spec.pod_cidr)
        .find_map(|text| parse_network(text))?;
    let addresses = node.status.as_ref()?.addresses.iter().flatten();
    let address = addresses
        .filter(|address| address.type_ == "InternalIP")
        .find_map(|address| address.address.parse().ok())?;
    Some((Network(ip, prefix), address))
}
