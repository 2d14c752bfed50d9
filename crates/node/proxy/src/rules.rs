//! The rules, which do not depend on the services: only on the configuration and on the times of
//! session affinity in use.
//!
//! Registers: 0 to 3 hold the packet's own address, protocol, port and source; 8 to 10 the view
//! that they lead to; 11 the slot or the client; 12 and 13 the endpoint.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use styr_kernel::nftables::expression::{self as x, Expression};
use styr_kernel::nftables::{Batch, Chain, Element, Hook, Set, SetFlags, Table, Type};

use crate::contribution::{LOCAL_FLAG, Shared};
use crate::slots::CLASSES;

const INSIDE: &str = "inside";
const NODE_ADDRESSES: &str = "node-addresses";
const DESTINATION_NAT: i32 = -100;
const SOURCE_NAT: i32 = 100;
const FILTER: i32 = 0;
const TCP: u8 = 6;

const ADDRESS: &[Type] = &[Type::Ipv4];
const ADDRESS_PORT: &[Type] = &[Type::Ipv4, Type::Protocol, Type::Port];
const ADDRESS_PORT_MORE: &[Type] = &[Type::Ipv4, Type::Protocol, Type::Port, Type::Mark];
const PORT: &[Type] = &[Type::Protocol, Type::Port];
const ENDPOINT: &[Type] = &[Type::Ipv4, Type::Port];

/// What the rules depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Networks of the pods. Packets from elsewhere are masqueraded when they use a service.
    pub(crate) inside: Vec<(Ipv4Addr, u8)>,
    /// Node ports answer at these; empty means at every address of the node.
    pub(crate) node_addresses: Vec<(Ipv4Addr, u8)>,
    pub(crate) masquerade_all: bool,
    /// The bit of the packet mark that asks for masquerading.
    pub(crate) masquerade_mark: u32,
    /// Seconds of session affinity in use.
    pub(crate) affinities: BTreeSet<u32>,
}

/// Where the packet is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// From a pod or from another machine.
    Arriving,
    /// From the node itself.
    Leaving,
}

/// The map of one class of slots.
pub(crate) fn slots_name(class: u32) -> String {
    format!("slots-{class}")
}

/// The map of clients that are bound to endpoints for so many seconds.
pub(crate) fn affinity_name(seconds: u32) -> String {
    format!("affinity-{seconds}")
}

/// Makes the table anew, with all sets, chains and rules.
pub(crate) fn write(batch: &mut Batch, table: &Table, frame: &Frame) {
    batch.reset_table(table);
    sets(batch, table, frame);
    let mut writer = Writer {
        batch,
        table,
        frame,
    };
    writer.chain("cluster-ports", None);
    writer.cluster_ports();
    for side in [Side::Arriving, Side::Leaving] {
        writer.external(side, &name("external-ports", side), Shared::ExternalPorts);
        writer.external(side, &name("node-ports", side), Shared::NodePorts);
        writer.entrance(side);
    }
    writer.after();
    writer.refusals();
}

fn name(what: &str, side: Side) -> String {
    match side {
        Side::Arriving => format!("{what}-arriving"),
        Side::Leaving => format!("{what}-leaving"),
    }
}

fn sets(batch: &mut Batch, table: &Table, frame: &Frame) {
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
    add(
        &Shared::ExternalPorts.name(),
        ADDRESS_PORT,
        ADDRESS_PORT,
        plain,
    );
    add(&Shared::NodePorts.name(), PORT, ADDRESS_PORT, plain);
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
    for class in CLASSES {
        let key = if class == 1 {
            ADDRESS_PORT
        } else {
            ADDRESS_PORT_MORE
        };
        add(&slots_name(class), key, ENDPOINT, plain);
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
    add(INSIDE, ADDRESS, &[], ranges);
    add(NODE_ADDRESSES, ADDRESS, &[], ranges);
    for (set, networks) in [
        (INSIDE, &frame.inside),
        (NODE_ADDRESSES, &frame.node_addresses),
    ] {
        for (ip, prefix) in networks {
            let range = Element::network(IpAddr::from(*ip), *prefix);
            batch.add_elements(table, set, &range);
        }
    }
}

struct Writer<'a> {
    batch: &'a mut Batch,
    table: &'a Table,
    frame: &'a Frame,
}

impl Writer<'_> {
    fn chain(&mut self, name: &str, hook: Option<(Hook, i32)>) {
        self.batch.add_chain(self.table, Chain { name, hook });
    }

    fn rule(&mut self, chain: &str, parts: &[&[Expression]], comment: &str) {
        let rule = parts.concat();
        self.batch.add_rule(self.table, chain, &rule, comment);
    }

    /// Sends packets for services on their way to the chain that knows them.
    fn entrance(&mut self, side: Side) {
        let (chain, hook) = match side {
            Side::Arriving => ("prerouting", Hook::NatPrerouting),
            Side::Leaving => ("output", Hook::NatOutput),
        };
        self.chain(chain, Some((hook, DESTINATION_NAT)));
        let to_cluster = [x::is_in("cluster-ports", 0), x::jump("cluster-ports")];
        self.rule(chain, &[&address_port(), &to_cluster], "cluster addresses");
        let external = name("external-ports", side);
        let to_external = [x::look_up("external-ports", 0, 8), x::jump(&external)];
        self.rule(chain, &[&address_port(), &to_external], "other addresses");
        let ports = name("node-ports", side);
        let to_ports = [x::look_up("node-ports", 1, 8), x::jump(&ports)];
        let local = self.to_node();
        self.rule(chain, &[&local, &port(), &to_ports], "node ports");
    }

    /// Goes on if the destination is an address at which node ports answer.
    fn to_node(&self) -> Vec<Expression> {
        let loopback = u32::from_ne_bytes([255, 0, 0, 0]);
        let mut test = vec![
            x::destination_type(0),
            x::equals(0, &x::TYPE_LOCAL.to_ne_bytes()),
            x::ipv4_destination(0),
        ];
        if !self.frame.node_addresses.is_empty() {
            test.push(x::is_in(NODE_ADDRESSES, 0));
        }
        test.push(x::bits(0, loopback, 0));
        test.push(x::differs(0, &[127, 0, 0, 0]));
        test
    }

    fn mark(&self) -> Vec<Expression> {
        let mark = self.frame.masquerade_mark;
        vec![x::mark(4), x::bits(4, !mark, mark), x::set_mark(4)]
    }

    fn cluster_ports(&mut self) {
        let chain = "cluster-ports";
        let mark = self.mark();
        if self.frame.masquerade_all {
            self.rule(chain, &[&mark], "masquerade all");
        } else if !self.frame.inside.is_empty() {
            let outside = [x::ipv4_source(3), x::is_not_in(INSIDE, 3)];
            self.rule(chain, &[&outside, &mark], "clients that are not pods");
        }
        let view = vec![
            x::ipv4_destination(8),
            x::transport_protocol(9),
            x::destination_port(10),
        ];
        self.endpoints(chain, &view);
    }

    /// Addresses and ports that lead to a view. Clients inside the cluster see all endpoints,
    /// whatever the policy for those outside.
    fn external(&mut self, side: Side, chain: &str, shared: Shared) {
        self.chain(chain, None);
        let view = match shared {
            Shared::NodePorts => [port().as_slice(), &[x::look_up("node-ports", 1, 8)]].concat(),
            _ => [
                address_port().as_slice(),
                &[x::look_up("external-ports", 0, 8)],
            ]
            .concat(),
        };
        let mark = self.mark();
        let flag = u32::from_ne_bytes([0, LOCAL_FLAG, 0, 0]);
        let all = [view.as_slice(), &[x::bits(9, !flag, 0)]].concat();
        match side {
            Side::Arriving => {
                let cluster_policy = [x::bits(9, flag, 0), x::equals(9, &[0; 4])];
                self.rule(chain, &[&view, &cluster_policy, &mark], "policy Cluster");
                let inside = [x::ipv4_source(3), x::is_in(INSIDE, 3)];
                if !self.frame.inside.is_empty() {
                    self.endpoints(chain, &[inside.as_slice(), &all].concat());
                }
                self.endpoints(chain, &view);
            }
            Side::Leaving => {
                self.rule(chain, &[&mark], "the node itself");
                self.endpoints(chain, &all);
            }
        }
    }

    /// Draws an endpoint of the view, or takes the one that the client is bound to.
    fn endpoints(&mut self, chain: &str, view: &[Expression]) {
        let nat = [x::destination_nat(12, 13)];
        for seconds in self.frame.affinities.clone() {
            let (sticky, map) = (Shared::Sticky(seconds).name(), affinity_name(seconds));
            let bound = [
                x::is_in(&sticky, 8),
                x::ipv4_source(11),
                x::look_up(&map, 8, 12),
                x::remember(&map, 8, 12),
            ];
            self.rule(chain, &[view, &bound, &nat], "a client that is bound");
            let bind = [x::ipv4_source(11), x::remember(&map, 8, 12)];
            for class in CLASSES {
                let draw = draw(class);
                let new = [x::is_in(&sticky, 8)];
                self.rule(chain, &[view, &new, &draw, &bind, &nat], "a client to bind");
            }
        }
        for class in CLASSES {
            self.rule(chain, &[view, &draw(class), &nat], "an endpoint");
        }
    }

    fn after(&mut self) {
        let chain = "postrouting";
        self.chain(chain, Some((Hook::NatPostrouting, SOURCE_NAT)));
        let mark = self.frame.masquerade_mark;
        let marked = [
            x::mark(0),
            x::bits(0, mark, 0),
            x::equals(0, &mark.to_ne_bytes()),
            // The mark must not outlive the packet, which may be wrapped in another.
            x::mark(0),
            x::bits(0, !mark, 0),
            x::set_mark(0),
            x::masquerade(),
        ];
        self.rule(chain, &[&marked], "marked above");
        let hairpin = [
            x::connection_status(0),
            x::bits(0, x::STATUS_DNAT, 0),
            x::differs(0, &[0; 4]),
            x::ipv4_source(0),
            x::ipv4_destination(1),
            x::is_in(&Shared::Hairpin.name(), 0),
            x::masquerade(),
        ];
        self.rule(chain, &[&hairpin], "a pod that reaches itself");
    }

    /// What was not translated has no endpoint for this client.
    fn refusals(&mut self) {
        let chain = "refuse";
        self.chain(chain, None);
        let local = self.to_node();
        let outside = [x::ipv4_source(3), x::is_not_in(INSIDE, 3)];
        let drop = [x::discard()];
        for (key, set, test) in [
            (address_port().to_vec(), Shared::Dropped, vec![]),
            (
                address_port().to_vec(),
                Shared::DroppedOutside,
                outside.to_vec(),
            ),
            (
                port().to_vec(),
                Shared::DroppedNodePorts,
                [local.clone(), outside.to_vec()].concat(),
            ),
        ] {
            let first = if set == Shared::DroppedNodePorts {
                1
            } else {
                0
            };
            let member = [x::is_in(&set.name(), first)];
            self.rule(chain, &[&test, &key, &member, &drop], "only on other nodes");
        }
        let reject: [&[Expression]; 2] = [
            &[
                x::transport_protocol(4),
                x::equals(4, &[TCP]),
                x::reject_with_reset(),
            ],
            &[x::reject_with_icmp()],
        ];
        for how in reject {
            let member = [x::is_in(&Shared::Refused.name(), 0)];
            self.rule(chain, &[&address_port(), &member, how], "no endpoints");
            let member = [x::is_in(&Shared::RefusedNodePorts.name(), 1)];
            self.rule(chain, &[&local, &port(), &member, how], "no endpoints");
            let member = [
                x::ipv4_destination(0),
                x::is_in(&Shared::ClusterIps.name(), 0),
            ];
            self.rule(chain, &[&member, how], "no such port");
        }
        let new = [
            x::connection_state(0),
            x::bits(0, x::STATE_NEW, 0),
            x::differs(0, &[0; 4]),
            x::jump(chain),
        ];
        for (name, hook) in [
            ("input", Hook::FilterInput),
            ("forward", Hook::FilterForward),
            ("filter-output", Hook::FilterOutput),
        ] {
            self.chain(name, Some((hook, FILTER)));
            self.rule(name, &[&new], "new connections");
        }
    }
}

fn address_port() -> [Expression; 3] {
    [
        x::ipv4_destination(0),
        x::transport_protocol(1),
        x::destination_port(2),
    ]
}

fn port() -> [Expression; 2] {
    [x::transport_protocol(1), x::destination_port(2)]
}

/// An endpoint of the view in 8 to 10, if its slots are of this class.
fn draw(class: u32) -> Vec<Expression> {
    let found = x::look_up(&slots_name(class), 8, 12);
    if class == 1 {
        vec![found]
    } else {
        vec![x::random(class, 11), found]
    }
}
