//! What one service adds to the maps. Pure.
//!
//! Whatever clients may send to is a front: the cluster address, other addresses, node ports. Each
//! has slots of its own, so that one look-up leads from a packet to its endpoint; it follows that
//! affinity is kept front by front. With the policy `Local` a front has a second set of slots with
//! the endpoints of this node, for clients from outside.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use styr_kernel::nftables::field;

use crate::endpoints::{Choice, Place};
use crate::network;
use crate::service::ServicePort;
use crate::slots::Slots;

const UDP: u8 = 17;
/// Stands for all addresses of the node at which node ports answer.
pub(crate) const NODE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// Which endpoints a client may be led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// What is chosen for clients within the cluster.
    All,
    /// Those of this node, for clients outside.
    Local,
}

impl Scope {
    pub(crate) const BOTH: [Self; 2] = [Self::All, Self::Local];
}

/// What a packet names: address, protocol, port; 12 bytes.
pub(crate) type Front = [u8; 12];

/// A front as some clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct View {
    pub(crate) scope: Scope,
    pub(crate) front: Front,
}

/// A set or map that services share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shared {
    /// Addresses that belong to services.
    ClusterIps,
    /// Cluster addresses with protocol and port.
    ClusterPorts,
    /// Other addresses with protocol and port.
    ExternalPorts,
    /// Those of them that lead clients outside to this node's endpoints only.
    LocalExternalPorts,
    /// Protocol and node port.
    NodePorts,
    /// Those of them that lead clients outside to this node's endpoints only.
    LocalNodePorts,
    /// Addresses with protocol and port that nobody answers.
    Refused,
    /// Protocols and node ports that nobody answers.
    RefusedNodePorts,
    /// Addresses with protocol and port that only other nodes answer.
    Dropped,
    /// The same, but only for clients outside the cluster.
    DroppedOutside,
    /// Protocols and node ports that only other nodes answer clients outside.
    DroppedNodePorts,
    /// Endpoints of this node, twice: clients that reach themselves.
    Hairpin,
    /// Addresses of load balancers, with protocol and port, that not everybody may use.
    Guarded,
    /// Such fronts with a network of so many bits whose clients may.
    Sources(u8),
    /// Fronts whose clients stay with an endpoint for so many seconds.
    Sticky(u32),
}

impl Shared {
    /// The name in the kernel.
    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::ClusterIps => "cluster-ips",
            Self::ClusterPorts => "cluster-ports",
            Self::ExternalPorts => "external-ports",
            Self::LocalExternalPorts => "local-external-ports",
            Self::NodePorts => "node-ports",
            Self::LocalNodePorts => "local-node-ports",
            Self::Refused => "refused",
            Self::RefusedNodePorts => "refused-node-ports",
            Self::Dropped => "dropped",
            Self::DroppedOutside => "dropped-outside",
            Self::DroppedNodePorts => "dropped-node-ports",
            Self::Hairpin => "hairpin",
            Self::Guarded => "guarded",
            Self::Sources(prefix) => return format!("sources-{prefix}"),
            Self::Sticky(seconds) => return format!("sticky-{seconds}"),
        };
        name.to_owned()
    }
}

/// An element of a shared set.
pub(crate) type Entry = (Shared, Vec<u8>);

/// All that one service adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contribution {
    pub(crate) entries: Vec<Entry>,
    pub(crate) views: BTreeMap<View, Slots>,
    /// Fronts with affinity, and its seconds.
    pub(crate) sticky: BTreeMap<Front, u32>,
    /// UDP front ends with all that still answers them; without an address, a node port.
    pub(crate) udp: BTreeMap<(Option<Ipv4Addr>, u16), Vec<SocketAddrV4>>,
}

/// What the ports add; slots stay as they are in `old` where they can.
pub(crate) fn contribute(
    ports: &[(ServicePort, Choice)],
    place: &Place,
    old: &Contribution,
) -> Contribution {
    let mut new = Contribution::default();
    for (port, choice) in ports {
        add_port(&mut new, port, choice, old);
        add_guards(&mut new, port, place);
    }
    new.entries.sort_unstable();
    new.entries.dedup();
    new
}

fn add_port(new: &mut Contribution, port: &ServicePort, choice: &Choice, old: &Contribution) {
    let front = front(port.cluster_ip, port.protocol, port.port);
    let mut add = |shared, key: &[u8]| new.entries.push((shared, key.to_vec()));
    add(Shared::ClusterIps, &port.cluster_ip.octets());
    add(Shared::ClusterPorts, &front);
    let has_none = choice.cluster.is_empty() && choice.local.is_empty();
    let own = if port.is_internal_local {
        &choice.local
    } else {
        &choice.cluster
    };
    if own.is_empty() {
        let shared = if has_none {
            Shared::Refused
        } else {
            Shared::Dropped
        };
        add(shared, &front);
    }
    for endpoint in &choice.here {
        let ip = endpoint.ip().octets();
        add(Shared::Hairpin, &[ip, ip].concat());
    }
    add_view(new, (Scope::All, front), own, port, old);
    for ip in &port.external_ips {
        add_outer(new, (*ip, port.port), (port, choice), old);
    }
    if let Some(node_port) = port.node_port {
        add_outer(new, (NODE, node_port), (port, choice), old);
    }
    if port.protocol == UDP {
        add_udp(new, port, choice);
    }
}

/// A front that clients outside the cluster may use too.
fn add_outer(
    new: &mut Contribution,
    (ip, number): (Ipv4Addr, u16),
    (port, choice): (&ServicePort, &Choice),
    old: &Contribution,
) {
    let front = front(ip, port.protocol, number);
    let is_node_port = ip == NODE;
    let key = if is_node_port { &front[4..] } else { &front };
    let mut add = |of_address, of_node| {
        let shared = if is_node_port { of_node } else { of_address };
        new.entries.push((shared, key.to_vec()));
    };
    add(Shared::ExternalPorts, Shared::NodePorts);
    if port.is_external_local {
        add(Shared::LocalExternalPorts, Shared::LocalNodePorts);
    }
    if choice.cluster.is_empty() {
        add(Shared::Refused, Shared::RefusedNodePorts);
    } else if port.is_external_local && choice.local.is_empty() {
        add(Shared::DroppedOutside, Shared::DroppedNodePorts);
    }
    add_view(new, (Scope::All, front), &choice.cluster, port, old);
    if port.is_external_local {
        add_view(new, (Scope::Local, front), &choice.local, port, old);
    }
}

/// Who may use the addresses of load balancers, where not everybody may.
fn add_guards(new: &mut Contribution, port: &ServicePort, place: &Place) {
    let has_node = |ip| {
        let mut sources = port.sources.iter();
        sources.any(|source| network::contains(*source, (ip, 32)))
    };
    // Where a load balancer's address is one of the node's, the node asks from that.
    let own = if place.ip.is_some_and(has_node) {
        &port.guarded_ips[..]
    } else {
        &[]
    };
    let own = own.iter().map(|ip| (*ip, 32));
    let sources: Vec<_> = port.sources.iter().copied().chain(own).collect();
    for ip in &port.guarded_ips {
        let front = front(*ip, port.protocol, port.port);
        new.entries.push((Shared::Guarded, front.to_vec()));
        for source in &sources {
            let mut key = front.to_vec();
            field(&mut key, &network::start(*source).octets());
            new.entries.push((Shared::Sources(source.1), key));
        }
    }
}

fn add_view(
    new: &mut Contribution,
    (scope, front): (Scope, Front),
    endpoints: &[SocketAddrV4],
    port: &ServicePort,
    old: &Contribution,
) {
    let view = View { scope, front };
    if let Some(seconds) = port.affinity_seconds {
        new.entries.push((Shared::Sticky(seconds), front.to_vec()));
        new.sticky.insert(front, seconds);
    }
    let before = old.views.get(&view).cloned().unwrap_or_default();
    let slots = Slots::assign(&before, endpoints);
    if !slots.0.is_empty() {
        new.views.insert(view, slots);
    }
}

fn add_udp(new: &mut Contribution, port: &ServicePort, choice: &Choice) {
    let addresses = port.external_ips.iter().chain([&port.cluster_ip]);
    for ip in addresses {
        let front = (Some(*ip), port.port);
        new.udp.insert(front, choice.serving.clone());
    }
    if let Some(node_port) = port.node_port {
        new.udp.insert((None, node_port), choice.serving.clone());
    }
}

fn front(ip: Ipv4Addr, protocol: u8, port: u16) -> Front {
    let mut key = Vec::with_capacity(12);
    field(&mut key, &ip.octets());
    field(&mut key, &[protocol]);
    field(&mut key, &port.to_be_bytes());
    key.try_into().expect("three padded fields")
}
