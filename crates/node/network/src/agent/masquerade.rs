//! Packets of this node's pods that leave the cluster carry the node's address.
//!
//! The table is the agent's alone and is made anew, in one batch, whenever the plan changes.

use std::net::IpAddr;

use styr_kernel::netlink::NetlinkError;
use styr_kernel::nftables::{
    Batch, Chain, Element, Hook, Nftables, Set, SetFlags, Table, Type, expression,
};

use super::plan::{Network, Plan};

const TABLE: &str = "styr-network";
const OWN: &str = "own-pods";
const CLUSTER: &str = "cluster-pods";
const CHAIN: &str = "postrouting";
/// Behind the services' own rules.
const PRIORITY: i32 = 101;
/// 224.0.0.0/4: nobody answers to a group's packet.
const MULTICAST: [u8; 4] = [0xe0, 0, 0, 0];
const MULTICAST_MASK: [u8; 4] = [0xf0, 0, 0, 0];

pub(super) fn apply(plan: &Plan) -> Result<(), NetlinkError> {
    let table = Table::ipv4(TABLE);
    let mut batch = Batch::new();
    batch.reset_table(&table);
    for (name, networks) in [(OWN, &[plan.own][..]), (CLUSTER, &plan.cluster[..])] {
        let flags = SetFlags {
            is_interval: true,
            dynamic_timeout_ms: None,
        };
        batch.add_set(
            &table,
            &Set {
                name,
                key: &[Type::Ipv4],
                data: &[],
                flags,
            },
        );
        batch.add_elements(&table, name, &ranges(networks));
    }
    let hook = Some((Hook::NatPostrouting, PRIORITY));
    batch.add_chain(&table, Chain { name: CHAIN, hook });
    let rule = [
        expression::ipv4_source(0),
        expression::is_in(OWN, 0),
        expression::ipv4_destination(1),
        expression::is_not_in(CLUSTER, 1),
        expression::bits(1, u32::from_ne_bytes(MULTICAST_MASK), 0),
        expression::differs(1, &MULTICAST),
        expression::masquerade(),
    ];
    batch.add_rule(&table, CHAIN, &rule, "pods that leave the cluster");
    Nftables::open()?.commit(batch)
}

/// The kernel refuses ranges that overlap, so a network inside another one is left out.
fn ranges(networks: &[Network]) -> Vec<Element> {
    let contains = |outer: &Network, inner: &Network| {
        let mask = u32::MAX.checked_shl(32 - u32::from(outer.1)).unwrap_or(0);
        outer != inner
            && outer.1 <= inner.1
            && u32::from(outer.0) & mask == u32::from(inner.0) & mask
    };
    networks
        .iter()
        .filter(|inner| !networks.iter().any(|outer| contains(outer, inner)))
        .flat_map(|network| Element::network(IpAddr::from(network.0), network.1))
        .collect()
}
