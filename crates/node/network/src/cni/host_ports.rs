//! Host ports: ports of the node that lead to a pod, as elements of two nftables maps.
//!
//! The table belongs to the plugin and is made by the first call that needs it. A change is the
//! difference of two states, one batch; the rules never change.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use styr_kernel::netlink::Conntrack;
use styr_kernel::nftables::{
    Batch, Chain, Element, Hook, Nftables, Set, SetFlags, Table, Type, expression, field,
};

use super::error::CniError;
use super::state::{Attachment, State};

const TABLE: &str = "styr-hostports";
const BY_ADDRESS: &str = "by-address";
const BY_PORT: &str = "by-port";
const HAIRPIN: &str = "hairpin";
const PODS: &str = "pods";
/// Just before services.
const BEFORE_SERVICES: i32 = -101;
const SOURCE_NAT: i32 = 99;
const UDP: u8 = 17;

type Elements = BTreeMap<(&'static str, Vec<u8>), Vec<u8>>;

/// Changes the maps from one state to another.
pub(super) fn change(before: &State, after: &State) -> Result<(), CniError> {
    let (old, new) = (elements(before), elements(after));
    if new.is_empty() && old.is_empty() {
        return Ok(());
    }
    let table = Table::ipv4(TABLE);
    let mut nftables = Nftables::open()?;
    let mut batch = Batch::new();
    if nftables.has_table(&table)? {
        for ((set, key), data) in &old {
            if new.get(&(*set, key.clone())) != Some(data) {
                let gone = Element::entry(key.clone(), data.clone());
                batch.delete_elements(&table, set, &[gone]);
            }
        }
        for ((set, key), data) in &new {
            if old.get(&(*set, key.clone())) != Some(data) {
                let added = Element::entry(key.clone(), data.clone());
                batch.add_elements(&table, set, &[added]);
            }
        }
    } else {
        frame(&mut batch, &table);
        for ((set, key), data) in new {
            batch.add_elements(&table, set, &[Element::entry(key, data)]);
        }
    }
    nftables.commit(batch)?;
    forget_flows(before, after)
}

fn elements(state: &State) -> Elements {
    let mut all = Elements::new();
    for attachment in state.attachments.values() {
        if attachment.host_ports.is_empty() {
            continue;
        }
        let pod = attachment.address.octets();
        all.insert((PODS, pod.to_vec()), Vec::new());
        all.insert((HAIRPIN, [pod, pod].concat()), Vec::new());
        for port in &attachment.host_ports {
            let (mut key, mut data) = (Vec::new(), Vec::new());
            let map = match port.host_ip {
                Some(ip) => {
                    field(&mut key, &ip.octets());
                    BY_ADDRESS
                }
                None => BY_PORT,
            };
            field(&mut key, &[port.protocol]);
            field(&mut key, &port.host_port.to_be_bytes());
            field(&mut data, &pod);
            field(&mut data, &port.container_port.to_be_bytes());
            all.insert((map, key), data);
        }
    }
    all
}

fn frame(batch: &mut Batch, table: &Table) {
    batch.reset_table(table);
    let set = |name, key, data| Set {
        name,
        key,
        data,
        flags: SetFlags::default(),
    };
    let to: &[Type] = &[Type::Ipv4, Type::Port];
    let with_address: &[Type] = &[Type::Ipv4, Type::Protocol, Type::Port];
    batch.add_set(table, &set(BY_ADDRESS, with_address, to));
    batch.add_set(table, &set(BY_PORT, &[Type::Protocol, Type::Port], to));
    batch.add_set(table, &set(HAIRPIN, &[Type::Ipv4, Type::Ipv4], &[]));
    batch.add_set(table, &set(PODS, &[Type::Ipv4], &[]));
    let by_address = [
        expression::ipv4_destination(0),
        expression::transport_protocol(1),
        expression::destination_port(2),
        expression::look_up(BY_ADDRESS, 0, 8),
        expression::destination_nat(8, 9),
    ];
    let by_port = [
        expression::destination_type(0),
        expression::equals(0, &expression::TYPE_LOCAL.to_ne_bytes()),
        expression::transport_protocol(1),
        expression::destination_port(2),
        expression::look_up(BY_PORT, 1, 8),
        expression::destination_nat(8, 9),
    ];
    for (name, hook) in [
        ("prerouting", Hook::NatPrerouting),
        ("output", Hook::NatOutput),
    ] {
        let hook = Some((hook, BEFORE_SERVICES));
        batch.add_chain(table, Chain { name, hook });
        batch.add_rule(table, name, &by_address, "a port of one address");
        batch.add_rule(table, name, &by_port, "a port of every address");
    }
    let hook = Some((Hook::NatPostrouting, SOURCE_NAT));
    let name = "postrouting";
    batch.add_chain(table, Chain { name, hook });
    let hairpin = [
        expression::ipv4_source(0),
        expression::ipv4_destination(1),
        expression::is_in(HAIRPIN, 0),
        expression::masquerade(),
    ];
    batch.add_rule(table, name, &hairpin, "a pod that talks to itself");
    let loopback = u32::from_ne_bytes([255, 0, 0, 0]);
    let from_loopback = [
        expression::ipv4_source(0),
        expression::bits(0, loopback, 0),
        expression::equals(0, &[127, 0, 0, 0]),
        expression::ipv4_destination(0),
        expression::is_in(PODS, 0),
        expression::masquerade(),
    ];
    batch.add_rule(table, name, &from_loopback, "the node's loopback");
}

/// UDP clients that keep sending would stay with a pod that has gone.
fn forget_flows(before: &State, after: &State) -> Result<(), CniError> {
    let has_udp = |attachment: &Attachment| {
        attachment
            .host_ports
            .iter()
            .any(|port| port.protocol == UDP)
    };
    let changed: Vec<Ipv4Addr> = before
        .attachments
        .iter()
        .filter(|(key, old)| has_udp(old) && after.attachments.get(*key) != Some(*old))
        .map(|(_, old)| old.address)
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let mut conntrack = Conntrack::open()?;
    let stale = conntrack.flows(|flow| {
        flow.protocol == UDP && changed.iter().any(|ip| flow.answering.ip() == *ip)
    })?;
    for flow in stale {
        conntrack.delete(&flow)?;
    }
    Ok(())
}
