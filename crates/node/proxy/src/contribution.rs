//! What one service adds to the maps. Pure.
//!
//! A port is known by its cluster address, protocol and number (a [`View`]). Other addresses and
//! node ports lead to that name first, so endpoints are written down once. A second view of the
//! port holds only the endpoints of this node; its name differs in a byte that is never set in
//! packets.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use styr_kernel::nftables::field;

use crate::endpoints::Choice;
use crate::service::ServicePort;
use crate::slots::Slots;

/// The byte of the protocol field that marks the view of this node's endpoints.
pub(crate) const LOCAL_FLAG: u8 = 1;
const UDP: u8 = 17;

/// The key of a port: address, protocol and flag, port; 12 bytes.
pub(crate) type View = [u8; 12];

/// A set or map that services share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shared {
    /// Addresses that belong to services.
    ClusterIps,
    /// Cluster addresses with protocol and port.
    ClusterPorts,
    /// Other addresses with protocol and port, to the view.
    ExternalPorts,
    /// Protocol and node port, to the view.
    NodePorts,
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
    /// Views whose clients stay with an endpoint for so many seconds.
    Sticky(u32),
}

impl Shared {
    /// The name in the kernel.
    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::ClusterIps => "cluster-ips",
            Self::ClusterPorts => "cluster-ports",
            Self::ExternalPorts => "external-ports",
            Self::NodePorts => "node-ports",
            Self::Refused => "refused",
            Self::RefusedNodePorts => "refused-node-ports",
            Self::Dropped => "dropped",
            Self::DroppedOutside => "dropped-outside",
            Self::DroppedNodePorts => "dropped-node-ports",
            Self::Hairpin => "hairpin",
            Self::Sticky(seconds) => return format!("sticky-{seconds}"),
        };
        name.to_owned()
    }
}

/// An element of a shared set: set, key, data.
pub(crate) type Entry = (Shared, Vec<u8>, Vec<u8>);

/// All that one service adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contribution {
    pub(crate) entries: Vec<Entry>,
    pub(crate) views: BTreeMap<View, Slots>,
    /// Views with affinity, and its seconds.
    pub(crate) sticky: BTreeMap<View, u32>,
    /// UDP front ends with all that may answer them; without an address, a node port.
    pub(crate) udp: BTreeMap<(Option<Ipv4Addr>, u16), Vec<SocketAddrV4>>,
}

/// What the ports add; slots stay as they are in `old` where they can.
pub(crate) fn contribute(ports: &[(ServicePort, Choice)], old: &Contribution) -> Contribution {
    let mut new = Contribution::default();
    for (port, choice) in ports {
        add_port(&mut new, port, choice, old);
    }
    new.entries.sort_unstable();
    new.entries.dedup();
    new
}

fn add_port(new: &mut Contribution, port: &ServicePort, choice: &Choice, old: &Contribution) {
    let inside = view(port, 0);
    let outside = view(port, u8::from(port.is_external_local) * LOCAL_FLAG);
    let mut add = |shared, key: &[u8], data: &[u8]| {
        new.entries.push((shared, key.to_vec(), data.to_vec()));
    };
    add(Shared::ClusterIps, &port.cluster_ip.octets(), &[]);
    add(Shared::ClusterPorts, &inside, &[]);
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
        add(shared, &inside, &[]);
    }
    let is_refused = choice.cluster.is_empty();
    let is_dropped = port.is_external_local && choice.local.is_empty();
    for ip in &port.external_ips {
        let key = address_key(*ip, port.protocol, port.port);
        add(Shared::ExternalPorts, &key, &outside);
        match (is_refused, is_dropped) {
            (true, _) => add(Shared::Refused, &key, &[]),
            (false, true) => add(Shared::DroppedOutside, &key, &[]),
            (false, false) => {}
        }
    }
    if let Some(node_port) = port.node_port {
        let key = port_key(port.protocol, node_port);
        add(Shared::NodePorts, &key, &outside);
        match (is_refused, is_dropped) {
            (true, _) => add(Shared::RefusedNodePorts, &key, &[]),
            (false, true) => add(Shared::DroppedNodePorts, &key, &[]),
            (false, false) => {}
        }
    }
    for endpoint in &choice.here {
        let ip = endpoint.ip().octets();
        add(Shared::Hairpin, &[ip, ip].concat(), &[]);
    }
    add_view(new, inside, own, port, old);
    if port.is_external() && port.is_external_local {
        add_view(new, outside, &choice.local, port, old);
    }
    if port.protocol == UDP {
        add_udp(new, port, choice);
    }
}

fn add_view(
    new: &mut Contribution,
    name: View,
    endpoints: &[SocketAddrV4],
    port: &ServicePort,
    old: &Contribution,
) {
    if let Some(seconds) = port.affinity_seconds {
        new.entries
            .push((Shared::Sticky(seconds), name.to_vec(), Vec::new()));
        new.sticky.insert(name, seconds);
    }
    let before = old.views.get(&name).cloned().unwrap_or_default();
    let slots = Slots::assign(&before, endpoints);
    if !slots.0.is_empty() {
        new.views.insert(name, slots);
    }
}

fn add_udp(new: &mut Contribution, port: &ServicePort, choice: &Choice) {
    let mut answering: Vec<SocketAddrV4> = choice
        .cluster
        .iter()
        .chain(&choice.local)
        .copied()
        .collect();
    answering.sort_unstable();
    answering.dedup();
    let addresses = port.external_ips.iter().chain([&port.cluster_ip]);
    for ip in addresses {
        new.udp.insert((Some(*ip), port.port), answering.clone());
    }
    if let Some(node_port) = port.node_port {
        new.udp.insert((None, node_port), answering);
    }
}

fn view(port: &ServicePort, flag: u8) -> View {
    let mut key = address_key(port.cluster_ip, port.protocol, port.port);
    key[5] = flag;
    key.try_into().expect("three padded fields")
}

fn address_key(ip: Ipv4Addr, protocol: u8, port: u16) -> Vec<u8> {
    let mut key = Vec::with_capacity(12);
    field(&mut key, &ip.octets());
    key.extend(port_key(protocol, port));
    key
}

fn port_key(protocol: u8, port: u16) -> Vec<u8> {
    let mut key = Vec::with_capacity(8);
    field(&mut key, &[protocol]);
    field(&mut key, &port.to_be_bytes());
    key
}
