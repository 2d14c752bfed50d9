//! The rules, which do not depend on the services: only on the configuration and on the times of
//! session affinity in use.
//!
//! Registers: 0 to 3 hold the packet's own address, protocol, port and source; 8 to 10 the front
//! that it is for; 11 the slot or the client; 12 and 13 the endpoint. What a look-up found is never
//! the key of another one: the kernel would do it, but `nft list ruleset` cannot show it.

mod filters;
mod guards;
mod sets;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use styr_kernel::nftables::expression::{self as x, Expression};
use styr_kernel::nftables::{Batch, Chain, Hook, Table};

use crate::contribution::{NODE, Scope, Shared};
use crate::slots::CLASSES;

const INSIDE: &str = "inside";
const SERVICE_NETWORKS: &str = "service-networks";
const NODE_ADDRESSES: &str = "node-addresses";
const DESTINATION_NAT: i32 = -100;
const SOURCE_NAT: i32 = 100;

/// What the rules depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Networks of the pods. Packets from elsewhere are masqueraded when they use a service.
    pub(crate) inside: Vec<(Ipv4Addr, u8)>,
    /// Networks that cluster addresses are taken from. What no service has leads nowhere.
    pub(crate) service_networks: Vec<(Ipv4Addr, u8)>,
    /// Node ports answer at these; empty means at every address of the node.
    pub(crate) node_addresses: Vec<(Ipv4Addr, u8)>,
    pub(crate) masquerade_all: bool,
    /// The bit of the packet mark that asks for masquerading.
    pub(crate) masquerade_mark: u32,
    /// Seconds of session affinity in use.
    pub(crate) affinities: BTreeSet<u32>,
    /// Lengths of clients' networks in use.
    pub(crate) source_prefixes: BTreeSet<u8>,
}

/// Where the packet is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// From a pod or from another machine.
    Arriving,
    /// From the node itself.
    Leaving,
}

/// Fronts besides the cluster addresses.
enum Outer {
    /// External addresses and those of load balancers.
    Address,
    /// The node's own addresses.
    Node,
}

/// The map of one class of slots.
pub(crate) fn slots_name(scope: Scope, class: u32) -> String {
    match scope {
        Scope::All => format!("slots-{class}"),
        Scope::Local => format!("local-slots-{class}"),
    }
}

/// The map of clients that are bound to endpoints for so many seconds.
pub(crate) fn affinity_name(seconds: u32) -> String {
    format!("affinity-{seconds}")
}

/// Makes the table anew, with all sets, chains and rules.
pub(crate) fn write(batch: &mut Batch, table: &Table, frame: &Frame) {
    batch.reset_table(table);
    sets::write(batch, table, frame);
    let mut writer = Writer {
        batch,
        table,
        frame,
    };
    writer.chain("cluster-ports", None);
    writer.cluster_ports();
    for outer in [Outer::Address, Outer::Node] {
        writer.external_leaving(&outer);
        writer.external_arriving(&outer);
    }
    for side in [Side::Arriving, Side::Leaving] {
        writer.entrance(side);
    }
    writer.after();
    filters::write(&mut writer);
    guards::write(&mut writer);
}

/// Replaces the networks that cluster addresses are taken from, and nothing else.
pub(crate) fn write_service_networks(batch: &mut Batch, table: &Table, frame: &Frame) {
    batch.flush_set(table, SERVICE_NETWORKS);
    sets::add_networks(batch, table, SERVICE_NETWORKS, &frame.service_networks);
}

fn name(what: &str, side: Side) -> String {
    match side {
        Side::Arriving => format!("{what}-arriving"),
        Side::Leaving => format!("{what}-leaving"),
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
        let to_external = [x::is_in("external-ports", 0), x::jump(&external)];
        self.rule(chain, &[&address_port(), &to_external], "other addresses");
        let ports = name("node-ports", side);
        let to_ports = [x::is_in("node-ports", 1), x::jump(&ports)];
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
        self.endpoints(chain, Scope::All, &Outer::Address.front());
    }

    /// What the node itself sends to such a front: it sees all endpoints, whatever the policy.
    fn external_leaving(&mut self, outer: &Outer) {
        let chain = name(outer.chain(), Side::Leaving);
        self.chain(&chain, None);
        let mark = self.mark();
        self.rule(&chain, &[&mark], "the node itself");
        self.endpoints(&chain, Scope::All, &outer.front());
    }

    /// What comes to such a front. Clients inside the cluster see all endpoints, whatever the
    /// policy for those outside.
    fn external_arriving(&mut self, outer: &Outer) {
        let chain = name(outer.chain(), Side::Arriving);
        let local = format!("local-{chain}");
        self.chain(&local, None);
        self.endpoints(&local, Scope::Local, &outer.front());
        self.chain(&chain, None);
        let key = outer.key();
        let (first, set) = outer.local();
        let outside = [x::ipv4_source(3), x::is_not_in(INSIDE, 3)];
        let to_local = [x::is_in(&set, first), x::go_to(&local)];
        self.rule(&chain, &[&outside, &key, &to_local], "policy Local");
        let other = [x::is_not_in(&set, first)];
        let mark = self.mark();
        self.rule(&chain, &[&key, &other, &mark], "policy Cluster");
        self.endpoints(&chain, Scope::All, &outer.front());
    }

    /// Draws an endpoint of the front, or takes the one that the client is bound to.
    fn endpoints(&mut self, chain: &str, scope: Scope, front: &[Expression]) {
        let nat = [x::destination_nat(12, 13)];
        for seconds in self.frame.affinities.clone() {
            let bound = [
                x::is_in(&Shared::Sticky(seconds).name(), 8),
                x::ipv4_source(11),
                x::look_up(&affinity_name(seconds), 8, 12),
            ];
            self.rule(chain, &[front, &bound, &nat], "a client that is bound");
        }
        for class in CLASSES {
            self.rule(chain, &[front, &draw(scope, class), &nat], "an endpoint");
        }
    }

    /// Binds clients to the endpoints that they have been led to, or renews that.
    fn bind(&mut self, chain: &str) {
        let translated = translated();
        let to_address = [
            x::original_ipv4_destination(8),
            x::transport_protocol(9),
            x::original_destination_port(10),
        ];
        let to_node = [
            x::original_ipv4_destination(0),
            x::transport_protocol(1),
            x::original_destination_port(2),
            x::is_not_in(&Shared::ClusterPorts.name(), 0),
            x::is_not_in(&Shared::ExternalPorts.name(), 0),
            x::constant(&NODE.octets(), 8),
            x::transport_protocol(9),
            x::original_destination_port(10),
        ];
        for seconds in self.frame.affinities.clone() {
            let bind = [
                x::is_in(&Shared::Sticky(seconds).name(), 8),
                x::original_ipv4_source(11),
                x::ipv4_destination(12),
                x::destination_port(13),
                x::remember(&affinity_name(seconds), 8, 12),
            ];
            for front in [&to_address[..], &to_node] {
                self.rule(chain, &[&translated, front, &bind], "a client to bind");
            }
        }
    }

    fn after(&mut self) {
        let chain = "postrouting";
        self.chain(chain, Some((Hook::NatPostrouting, SOURCE_NAT)));
        self.bind(chain);
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
            x::ipv4_source(0),
            x::ipv4_destination(1),
            x::is_in(&Shared::Hairpin.name(), 0),
            x::masquerade(),
        ];
        let comment = "a pod that reaches itself";
        self.rule(chain, &[&translated(), &hairpin], comment);
    }
}

impl Outer {
    fn chain(&self) -> &'static str {
        match self {
            Self::Address => "external-ports",
            Self::Node => "node-ports",
        }
    }

    /// Loads what the sets of such fronts hold.
    fn key(&self) -> Vec<Expression> {
        match self {
            Self::Address => address_port().to_vec(),
            Self::Node => port().to_vec(),
        }
    }

    /// The register where that begins, and the set of fronts with the policy `Local`.
    fn local(&self) -> (u8, String) {
        match self {
            Self::Address => (0, Shared::LocalExternalPorts.name()),
            Self::Node => (1, Shared::LocalNodePorts.name()),
        }
    }

    /// Loads the front.
    fn front(&self) -> [Expression; 3] {
        let address = match self {
            Self::Address => x::ipv4_destination(8),
            Self::Node => x::constant(&NODE.octets(), 8),
        };
        [address, x::transport_protocol(9), x::destination_port(10)]
    }
}

/// Goes on if the destination is another than the client named.
fn translated() -> [Expression; 3] {
    [
        x::connection_status(0),
        x::bits(0, x::STATUS_DNAT, 0),
        x::differs(0, &[0; 4]),
    ]
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

/// An endpoint of the front in 8 to 10, if its slots are of this class.
fn draw(scope: Scope, class: u32) -> Vec<Expression> {
    let found = x::look_up(&slots_name(scope, class), 8, 12);
    if class == 1 {
        vec![found]
    } else {
        vec![x::random(class, 11), found]
    }
}
