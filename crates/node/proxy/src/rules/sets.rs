//! The sets and maps that the rules look into.

use std::net::{IpAddr, Ipv4Addr};

use styr_kernel::nftables::{Batch, Element, Set, SetFlags, Table, Type};

use super::{Frame, INSIDE, NODE_ADDRESSES, SERVICE_NETWORKS, affinity_name, slots_name};
use crate::contribution::{Scope, Shared};
use crate::network::contains;
use crate::slots::CLASSES;

const ADDRESS: &[Type] = &[Type::Ipv4];
const ADDRESS_PORT: &[Type] = &[Type::Ipv4, Type::Protocol, Type::Port];
const ADDRESS_PORT_MORE: &[Type] = &[Type::Ipv4, Type::Protocol, Type::Port, Type::Mark];
const PORT: &[Type] = &[Type::Protocol, Type::Port];
const ENDPOINT: &[Type] = &[Type::Ipv4, Type::Port];

/// Adds all, with the elements that do not depend on services.
pub(super) fn write(batch: &mut Batch, table: &Table, frame: &Frame) {
    let mut add = |name: &str, key: &[Type], data: &[Type], flags: SetFlags| {
        let set = Set {
            name,
            key,
            data,
            flags,
        };
        batch.add_set(table, &set);
    };
    let plain = SetFlags::default();
    add(&Shared::ClusterIps.name(), ADDRESS, &[], plain);
    add(&Shared::ClusterPorts.name(), ADDRESS_PORT, &[], plain);
    for shared in [Shared::ExternalPorts, Shared::LocalExternalPorts] {
        add(&shared.name(), ADDRESS_PORT, &[], plain);
    }
    for shared in [Shared::NodePorts, Shared::LocalNodePorts] {
        add(&shared.name(), PORT, &[], plain);
    }
    add(&Shared::Refused.name(), ADDRESS_PORT, &[], plain);
    add(&Shared::RefusedNodePorts.name(), PORT, &[], plain);
    add(&Shared::Dropped.name(), ADDRESS_PORT, &[], plain);
    add(&Shared::DroppedOutside.name(), ADDRESS_PORT, &[], plain);
    add(&Shared::DroppedNodePorts.name(), PORT, &[], plain);
    add(
        &Shared::Hairpin.name(),
        &[Type::Ipv4, Type::Ipv4],
        &[],
        plain,
    );
    for scope in Scope::BOTH {
        for class in CLASSES {
            let key = if class == 1 {
                ADDRESS_PORT
            } else {
                ADDRESS_PORT_MORE
            };
            add(&slots_name(scope, class), key, ENDPOINT, plain);
        }
    }
    add(&Shared::Guarded.name(), ADDRESS_PORT, &[], plain);
    for prefix in &frame.source_prefixes {
        let key = &[Type::Ipv4, Type::Protocol, Type::Port, Type::Ipv4];
        add(&Shared::Sources(*prefix).name(), key, &[], plain);
    }
    for seconds in &frame.affinities {
        add(&Shared::Sticky(*seconds).name(), ADDRESS_PORT, &[], plain);
        let flags = SetFlags {
            is_interval: false,
            dynamic_timeout_ms: Some(u64::from(*seconds) * 1000),
        };
        let key = &[Type::Ipv4, Type::Protocol, Type::Port, Type::Ipv4];
        add(&affinity_name(*seconds), key, ENDPOINT, flags);
    }
    let ranges = SetFlags {
        is_interval: true,
        dynamic_timeout_ms: None,
    };
    let networks = [
        (INSIDE, &frame.inside),
        (SERVICE_NETWORKS, &frame.service_networks),
        (NODE_ADDRESSES, &frame.node_addresses),
    ];
    for (set, _) in networks {
        add(set, ADDRESS, &[], ranges);
    }
    for (set, networks) in networks {
        add_networks(batch, table, set, networks);
    }
}

/// Adds networks to a set of ranges. The kernel refuses one that is within another.
pub(super) fn add_networks(
    batch: &mut Batch,
    table: &Table,
    set: &str,
    networks: &[(Ipv4Addr, u8)],
) {
    for (at, network) in networks.iter().enumerate() {
        let is_within = |(other, wider): (usize, &(Ipv4Addr, u8))| {
            other != at && contains(*wider, *network) && (*wider != *network || other < at)
        };
        if !networks.iter().enumerate().any(is_within) {
            let range = Element::network(IpAddr::from(network.0), network.1);
            batch.add_elements(table, set, &range);
        }
    }
}
