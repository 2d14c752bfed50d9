//! Routes of the main table.

use std::net::IpAddr;

use super::message::{CREATE, Message, REPLACE, Received, attributes, family_of, ip_of, u32_at};
use super::{Address, Netlink, NetlinkError};

const NEWROUTE: u16 = 24;
const DELROUTE: u16 = 25;
const GETROUTE: u16 = 26;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PREFSRC: u16 = 7;
const RTA_TABLE: u16 = 15;

const TABLE_MAIN: u8 = 254;
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_NOWHERE: u8 = 255;
const TYPE_UNICAST: u8 = 1;
const TYPE_UNREACHABLE: u8 = 7;
const FLAG_ON_LINK: u32 = 4;

/// Where packets of a route go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// The destination is a neighbour on this link.
    Link(u32),
    /// Through a router that some other route leads to.
    Gateway(IpAddr),
    /// Through a router that is taken to be on this link, whatever the addresses say.
    OnLink(IpAddr, u32),
    /// Nowhere: answered with an ICMP error.
    Unreachable,
}

/// A route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `0.0.0.0/0` or `::/0` for the default.
    pub destination: Address,
    pub hop: Hop,
    /// The source address of packets that begin here.
    pub source: Option<IpAddr>,
    /// Who made it: `ip route` shows it as `proto`. 0 lets the kernel say `boot`.
    pub protocol: u8,
}

impl Netlink {
    /// Adds a route, in place of one to the same destination.
    pub fn replace_route(&mut self, route: &Route) -> Result<(), NetlinkError> {
        let message = message_of(NEWROUTE, CREATE | REPLACE, route);
        self.socket
            .change(message, || format!("add route {}", text(route)))
    }

    /// Deletes a route.
    pub fn delete_route(&mut self, route: &Route) -> Result<(), NetlinkError> {
        let message = message_of(DELROUTE, 0, route);
        self.socket
            .change(message, || format!("delete route {}", text(route)))
    }

    /// All routes of the main table of one family.
    pub fn routes(&mut self, of: Family) -> Result<Vec<Route>, NetlinkError> {
        let mut fixed = [0; 12];
        fixed[0] = of.number();
        let message = Message::new(GETROUTE, 0).fixed(&fixed);
        let mut found = Vec::new();
        let list = |received: Received<'_>| found.extend(main_route(received.payload));
        self.socket
            .dump(message, || "list routes".to_owned(), list)?;
        Ok(found)
    }

    /// The way that a packet to `destination` would take now.
    pub fn route_to(&mut self, destination: IpAddr) -> Result<Route, NetlinkError> {
        let mut fixed = [0; 12];
        fixed[0] = family_of(destination);
        fixed[1] = full_prefix(destination);
        let mut message = Message::new(GETROUTE, 0).fixed(&fixed);
        message.put_ip(RTA_DST, destination);
        let mut found = None;
        self.socket.query(
            message,
            || format!("look up the route to {destination}"),
            |received| found = found.take().or_else(|| route_of(received.payload)),
        )?;
        found.ok_or_else(|| {
            let missing = std::io::Error::from_raw_os_error(libc::ENETUNREACH);
            NetlinkError::new(format!("look up the route to {destination}"), missing)
        })
    }
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    fn number(self) -> u8 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
        }
    }
}

fn full_prefix(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn text(route: &Route) -> String {
    let Address { ip, prefix } = route.destination;
    match route.hop {
        Hop::Link(link) => format!("{ip}/{prefix} on link {link}"),
        Hop::Gateway(gateway) => format!("{ip}/{prefix} via {gateway}"),
        Hop::OnLink(gateway, link) => format!("{ip}/{prefix} via {gateway} on link {link}"),
        Hop::Unreachable => format!("{ip}/{prefix} unreachable"),
    }
}

fn message_of(kind: u16, flags: u16, route: &Route) -> Message {
    let mut fixed = [0; 12];
    fixed[0] = family_of(route.destination.ip);
    fixed[1] = route.destination.prefix;
    fixed[4] = TABLE_MAIN;
    fixed[5] = route.protocol;
    (fixed[6], fixed[7]) = match route.hop {
        _ if kind == DELROUTE => (SCOPE_NOWHERE, 0),
        Hop::Link(_) => (SCOPE_LINK, TYPE_UNICAST),
        Hop::Gateway(_) | Hop::OnLink(..) => (SCOPE_UNIVERSE, TYPE_UNICAST),
        Hop::Unreachable => (SCOPE_UNIVERSE, TYPE_UNREACHABLE),
    };
    if matches!(route.hop, Hop::OnLink(..)) {
        fixed[8..].copy_from_slice(&FLAG_ON_LINK.to_ne_bytes());
    }
    let mut message = Message::new(kind, flags).fixed(&fixed);
    if route.destination.prefix > 0 {
        message.put_ip(RTA_DST, route.destination.ip);
    }
    match route.hop {
        Hop::Link(link) => message.put_u32(RTA_OIF, link),
        Hop::Gateway(gateway) => message.put_ip(RTA_GATEWAY, gateway),
        Hop::OnLink(gateway, link) => {
            message.put_ip(RTA_GATEWAY, gateway);
            message.put_u32(RTA_OIF, link);
        }
        Hop::Unreachable => {}
    }
    if let Some(source) = route.source {
        message.put_ip(RTA_PREFSRC, source);
    }
    message
}

fn main_route(payload: &[u8]) -> Option<Route> {
    let by_header = *payload.get(4)?;
    let table = attributes(payload.get(12..)?)
        .find(|(kind, _)| *kind == RTA_TABLE)
        .and_then(|(_, value)| u32_at(value, 0))
        .unwrap_or(u32::from(by_header));
    route_of(payload).filter(|_| table == u32::from(TABLE_MAIN))
}

/// The gateway with the link it is on is told as [`Hop::OnLink`] only if the route says so.
fn route_of(payload: &[u8]) -> Option<Route> {
    let unspecified = match payload.first()? {
        2 => IpAddr::from([0; 4]),
        10 => IpAddr::from([0; 16]),
        _ => return None,
    };
    let mut destination = unspecified;
    let (mut gateway, mut link, mut source) = (None, None, None);
    for (kind, value) in attributes(payload.get(12..)?) {
        match kind {
            RTA_DST => destination = ip_of(value)?,
            RTA_GATEWAY => gateway = ip_of(value),
            RTA_OIF => link = u32_at(value, 0),
            RTA_PREFSRC => source = ip_of(value),
            _ => {}
        }
    }
    let on_link = u32_at(payload, 8)? & FLAG_ON_LINK != 0;
    let hop = match (gateway, link) {
        (Some(gateway), Some(link)) if on_link => Hop::OnLink(gateway, link),
        (Some(gateway), _) => Hop::Gateway(gateway),
        (None, Some(link)) if payload.get(7) != Some(&TYPE_UNREACHABLE) => Hop::Link(link),
        _ => Hop::Unreachable,
    };
    Some(Route {
        destination: Address {
            ip: destination,
            prefix: *payload.get(1)?,
        },
        hop,
        source,
        protocol: *payload.get(5)?,
    })
}
