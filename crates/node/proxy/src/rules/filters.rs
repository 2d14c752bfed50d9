//! What becomes of new connections that lead to no endpoint: they are refused or dropped.
//!
//! Upstream's order is kept: first what services say of their own fronts, then whatever else is
//! sent to addresses of services.

use styr_kernel::nftables::Hook;
use styr_kernel::nftables::expression::{self as x, Expression};

use super::{INSIDE, SERVICE_NETWORKS, Writer, address_port, port};
use crate::contribution::Shared;

const FILTER: i32 = 0;
const TCP: u8 = 6;

/// Adds the chains and their rules.
pub(super) fn write(writer: &mut Writer<'_>) {
    writer.refusals();
    writer.unused_addresses();
    writer.filters();
}

impl Writer<'_> {
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
        for how in rejections() {
            let how = &how;
            let member = [x::is_in(&Shared::Refused.name(), 0)];
            self.rule(chain, &[&address_port(), &member, how], "no endpoints");
            let member = [x::is_in(&Shared::RefusedNodePorts.name(), 1)];
            self.rule(chain, &[&local, &port(), &member, how], "no endpoints");
        }
    }

    /// Ports that a service does not have, and addresses that no service has. Without this they
    /// would leave by the default route, to whoever answers there.
    fn unused_addresses(&mut self) {
        let chain = "unused-addresses";
        self.chain(chain, None);
        let to = |set: &str| [x::ipv4_destination(0), x::is_in(set, 0)];
        for how in rejections() {
            let member = to(&Shared::ClusterIps.name());
            self.rule(chain, &[&member, &how], "no such port");
        }
        let drop = [x::discard()];
        self.rule(chain, &[&to(SERVICE_NETWORKS), &drop], "no such service");
    }

    fn filters(&mut self) {
        for (name, hook, chains) in [
            // The node may have an address among those of services.
            ("input", Hook::FilterInput, &["refuse"][..]),
            (
                "forward",
                Hook::FilterForward,
                &["refuse", "unused-addresses"],
            ),
            (
                "filter-output",
                Hook::FilterOutput,
                &["refuse", "unused-addresses"],
            ),
        ] {
            self.chain(name, Some((hook, FILTER)));
            for chain in chains {
                self.rule(
                    name,
                    &[&new_connection(), &[x::jump(chain)]],
                    "new connections",
                );
            }
        }
    }
}

pub(super) fn new_connection() -> [Expression; 3] {
    [
        x::connection_state(0),
        x::bits(0, x::STATE_NEW, 0),
        x::differs(0, &[0; 4]),
    ]
}

/// What tells a client that nobody is there, by protocol.
fn rejections() -> [Vec<Expression>; 2] {
    let of_tcp = vec![
        x::transport_protocol(4),
        x::equals(4, &[TCP]),
        x::reject_with_reset(),
    ];
    [of_tcp, vec![x::reject_with_icmp()]]
}
