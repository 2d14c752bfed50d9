//! Routes to the other nodes' pods: by the node's address on a shared link, else through VXLAN.
//!
//! Our routes carry a protocol number of their own, so stale ones are found and others left alone.
//! VXLAN needs no learning: a node's hardware address follows from its address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context as _;
use styr_kernel::netlink::{
    Address, Family, Hop, Link, Mac, Neighbour, Netlink, NetlinkError, Route, Vxlan,
};
use styr_kernel::netns;

use super::Backend;
use super::plan::{Network, Plan};

/// `ip route` shows it as `proto 83`.
const PROTOCOL: u8 = 83;
const VXLAN_NAME: &str = "styr-vxlan";
const VXLAN_ID: u32 = 4_096;
/// The port assigned to VXLAN.
const VXLAN_PORT: u16 = 4_789;
/// Outer Ethernet, IPv4, UDP and VXLAN headers.
const VXLAN_OVERHEAD: u32 = 50;
const VXLAN_MAC: [u8; 2] = [0x02, 0x53];
const FORWARDING: &str = "net/ipv4/ip_forward";

/// Lets the node pass on packets that are not its own.
pub(super) fn allow_forwarding() -> anyhow::Result<()> {
    if netns::sysctl(FORWARDING)? != "1" {
        netns::set_sysctl(FORWARDING, "1")?;
    }
    Ok(())
}

/// Makes the routes as planned and answers how large the pods' packets may be.
pub(super) fn apply(plan: &Plan, backend: Backend) -> anyhow::Result<u32> {
    let mut netlink = Netlink::open()?;
    let link = link_of(&mut netlink, plan.address)?;
    let mut wanted = BTreeMap::new();
    wanted.insert(plan.own, Hop::Unreachable);
    let mut far = Vec::new();
    for (network, address) in &plan.peers {
        if uses_vxlan(&mut netlink, *address, backend) {
            far.push((*network, *address));
        } else {
            wanted.insert(*network, Hop::Gateway((*address).into()));
        }
    }
    let mut mtu = link.mtu;
    if !far.is_empty() || backend == Backend::Vxlan {
        mtu = link.mtu.saturating_sub(VXLAN_OVERHEAD);
        let device = vxlan(&mut netlink, plan.address, &link, mtu)
            .context("could not set up the VXLAN device")?;
        for (network, address) in far {
            tell_vxlan(&mut netlink, device, network, address)?;
            wanted.insert(network, Hop::OnLink(network.0.into(), device));
        }
    }
    replace(&mut netlink, &wanted)?;
    Ok(mtu)
}

fn uses_vxlan(netlink: &mut Netlink, address: Ipv4Addr, backend: Backend) -> bool {
    match backend {
        Backend::Route => false,
        Backend::Vxlan => true,
        // A node without a route to it is told about when it has one: nobody reaches it now.
        Backend::Auto => !matches!(
            netlink.route_to(address.into()),
            Ok(Route {
                hop: Hop::Link(_),
                ..
            })
        ),
    }
}

/// The link that has the node's address.
fn link_of(netlink: &mut Netlink, address: Ipv4Addr) -> anyhow::Result<Link> {
    let addresses = netlink.addresses()?;
    let index = addresses
        .iter()
        .find(|entry| entry.address.ip == IpAddr::from(address))
        .map(|entry| entry.link)
        .with_context(|| format!("no link has this node's address {address}"))?;
    let links = netlink.links()?;
    links
        .into_iter()
        .find(|link| link.index == index)
        .with_context(|| format!("link {index} with address {address} has gone"))
}

fn vxlan(
    netlink: &mut Netlink,
    address: Ipv4Addr,
    below: &Link,
    mtu: u32,
) -> Result<u32, NetlinkError> {
    let mac = Mac::of_ipv4(VXLAN_MAC, address);
    if let Some(link) = netlink.link(VXLAN_NAME)? {
        if link.mac == Some(mac) && link.mtu == mtu {
            return Ok(link.index);
        }
        // The node's address has changed.
        netlink.delete_link(link.index)?;
    }
    netlink.create_vxlan(&Vxlan {
        name: VXLAN_NAME,
        mac,
        id: VXLAN_ID,
        port: VXLAN_PORT,
        local: address.into(),
        link: Some(below.index),
        mtu,
    })?;
    let link = netlink
        .link(VXLAN_NAME)?
        .ok_or_else(|| NetlinkError::missing_link(VXLAN_NAME))?;
    netlink.set_up(link.index)?;
    Ok(link.index)
}

/// The first address of the peer's network stands for the peer as a router.
fn tell_vxlan(
    netlink: &mut Netlink,
    device: u32,
    network: Network,
    address: Ipv4Addr,
) -> Result<(), NetlinkError> {
    let mac = Mac::of_ipv4(VXLAN_MAC, address);
    netlink.set_neighbour(&Neighbour {
        link: device,
        ip: network.0.into(),
        mac,
    })?;
    netlink.set_forwarding(&Neighbour {
        link: device,
        ip: address.into(),
        mac,
    })
}

fn replace(netlink: &mut Netlink, wanted: &BTreeMap<Network, Hop>) -> anyhow::Result<()> {
    let route = |network: Network, hop| Route {
        destination: Address {
            ip: network.0.into(),
            prefix: network.1,
        },
        hop,
        source: None,
        protocol: PROTOCOL,
    };
    for present in netlink.routes(Family::V4)? {
        let IpAddr::V4(ip) = present.destination.ip else {
            continue;
        };
        let network = Network(ip, present.destination.prefix);
        let is_stale = wanted.get(&network) != Some(&present.hop);
        if present.protocol == PROTOCOL && is_stale {
            match netlink.delete_route(&present) {
                Err(error) if !error.is_missing() => return Err(error.into()),
                _ => {}
            }
        }
    }
    for (network, hop) in wanted {
        netlink.replace_route(&route(*network, *hop))?;
    }
    Ok(())
}
