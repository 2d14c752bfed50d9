//! `loadBalancerSourceRanges`: who may use the address of a load balancer.
//!
//! Looked at before anything is translated. A client's network is found by one look-up for each
//! length of networks in use, whatever their number.

use styr_kernel::nftables::Hook;
use styr_kernel::nftables::expression as x;

use super::filters::new_connection;
use super::{DESTINATION_NAT, Writer, address_port};
use crate::contribution::Shared;
use crate::network;

const BEFORE_TRANSLATION: i32 = DESTINATION_NAT - 10;
const GUARDS: &str = "guards";

/// Adds the chains and their rules.
pub(super) fn write(writer: &mut Writer<'_>) {
    writer.chain(GUARDS, None);
    writer.guards();
    for (name, hook) in [
        ("guard-arriving", Hook::FilterPrerouting),
        ("guard-leaving", Hook::FilterOutput),
    ] {
        writer.chain(name, Some((hook, BEFORE_TRANSLATION)));
        let guarded = [x::is_in(&Shared::Guarded.name(), 0), x::jump(GUARDS)];
        let parts: [&[_]; 3] = [&new_connection(), &address_port(), &guarded];
        writer.rule(name, &parts, "not for everybody");
    }
}

impl Writer<'_> {
    fn guards(&mut self) {
        for prefix in self.frame.source_prefixes.clone() {
            let allowed = [
                x::ipv4_destination(8),
                x::transport_protocol(9),
                x::destination_port(10),
                x::ipv4_source(11),
                x::bits(11, network::mask(prefix), 0),
                x::is_in(&Shared::Sources(prefix).name(), 8),
                x::leave(),
            ];
            self.rule(GUARDS, &[&allowed], "a client that may");
        }
        self.rule(GUARDS, &[&[x::discard()]], "all others");
    }
}
