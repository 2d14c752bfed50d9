//! Lets the node itself reach services where it has no default route.
//!
//! The kernel looks for a route before the output hook sees a packet, so without one a connection
//! to a service fails before it could be translated. The route only has to exist: the packet is
//! routed again once it has its real destination.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use styr_kernel::netlink::{Address, Family, Hop, Netlink, NetlinkError, Route};

/// `ip route` shows it as `proto 84`.
const PROTOCOL: u8 = 84;
const LOOPBACK: u32 = 1;

/// The routes of one network namespace.
#[derive(Debug)]
pub(crate) struct Reach {
    netlink: Netlink,
}

impl Reach {
    /// For the network namespace of the calling thread.
    pub(crate) fn open() -> Result<Self, NetlinkError> {
        Ok(Self {
            netlink: Netlink::open()?,
        })
    }

    /// Gives these addresses routes if they have none by default, and takes those of others away.
    pub(crate) fn update(&mut self, services: &BTreeSet<Ipv4Addr>) -> Result<(), NetlinkError> {
        let routes = self.netlink.routes(Family::V4)?;
        let has_default = routes.iter().any(|route| route.destination.prefix == 0);
        let source = if has_default {
            None
        } else {
            self.own_address()?
        };
        let wanted = |ip: IpAddr| {
            let is_service = matches!(ip, IpAddr::V4(ip) if services.contains(&ip));
            source.is_some() && is_service
        };
        let ours = routes.iter().filter(|route| route.protocol == PROTOCOL);
        let mut present = BTreeSet::new();
        for route in ours {
            if wanted(route.destination.ip) {
                present.insert(route.destination.ip);
            } else {
                self.netlink.delete_route(route)?;
            }
        }
        let Some(source) = source else {
            return Ok(());
        };
        for ip in services.iter().copied().map(IpAddr::from) {
            if !present.contains(&ip) {
                self.netlink.replace_route(&Route {
                    destination: Address { ip, prefix: 32 },
                    hop: Hop::Link(LOOPBACK),
                    source: Some(source),
                    protocol: PROTOCOL,
                })?;
            }
        }
        Ok(())
    }

    /// An address that others can answer to.
    fn own_address(&mut self) -> Result<Option<IpAddr>, NetlinkError> {
        let addresses = self.netlink.addresses()?;
        let ips = addresses.iter().filter(|entry| entry.link != LOOPBACK);
        Ok(ips.map(|entry| entry.address.ip).find(IpAddr::is_ipv4))
    }
}
