//! A bridge with a subnet of its own, and the nodes' links to it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use styr_kernel::netlink::{Address, Family, Hop, LinkChange, Netlink, Route, Veth};
use styr_kernel::netns::{NetNs, set_sysctl};
use styr_kernel::nftables::expression;
use styr_kernel::nftables::{Batch, Chain, Element, Hook, Nftables, Set, SetFlags, Table, Type};

use super::machine::Machine;
use crate::config::Cidr;
use crate::journal::{Entry, Journal};

/// The first octets of the bridges' networks, as container engines have them.
const SUBNETS: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 0);
const FORWARDING: &str = "net/ipv4/ip_forward";
const SET: &str = "nodes";
const CHAIN: &str = "postrouting";
/// As source NAT is ordered among the chains of that hook.
const PRIORITY: i32 = 100;
/// `IFNAMSIZ`: names are padded with zeros.
const LINK_NAME_BYTES: usize = 16;

/// The beginning of a cluster's links.
fn prefix(folder: &Path) -> String {
    format!("st{}", digits(folder))
}

/// The name of a cluster's bridge; the links to the nodes are numbered from 1.
fn bridge_name(folder: &Path) -> String {
    format!("{}-0", prefix(folder))
}

/// Whether a link is a bridge, or one to a node behind it.
pub(crate) fn is_of_bridge(link: &str, bridge: &str) -> bool {
    let stem = bridge.strip_suffix('0');
    let number = stem.and_then(|stem| link.strip_prefix(stem));
    number.is_some_and(|number| number.parse::<usize>().is_ok())
}

/// Six digits that follow from a cluster's folder, so that clusters of one name in two places do not
/// meet.
fn digits(folder: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    format!("{:06x}", hasher.finish() & 0x00ff_ffff)
}

/// The control group of a cluster, with those of its nodes in it. No two clusters share a level, so
/// none is left behind, and none is taken from under another.
pub(crate) fn control_group(cluster: &str, folder: &Path) -> String {
    format!("/styr-{cluster}-{}", digits(folder))
}

/// Makes bridge and way out; answers the subnet, whose first address is the host's.
pub(crate) fn make(folder: &Path, journal: &mut Journal) -> Result<Cidr> {
    let machine = Machine::this().hold()?;
    let mut netlink = Netlink::open().context("could not speak to the kernel")?;
    let subnet = free_subnet(&mut netlink)?;
    let bridge = bridge_name(folder);
    journal.write(&Entry::Link {
        name: bridge.clone(),
    })?;
    netlink
        .create_bridge(&bridge)
        .context("could not make a bridge; the kernel needs the modules bridge and veth")?;
    let index = index(&mut netlink, &bridge)?;
    netlink.add_address(
        index,
        Address {
            ip: subnet.address(1).into(),
            prefix: subnet.prefix(),
        },
    )?;
    netlink.set_up(index)?;
    let path = PathBuf::from(FORWARDING);
    journal.write(&Entry::Setting { path: path.clone() })?;
    machine
        .claim(folder, &path, "1")
        .context("could not let packets through")?;
    journal.write(&Entry::Table {
        name: prefix(folder),
    })?;
    egress(&prefix(folder), &bridge, subnet).context("could not let nodes out")?;
    Ok(subnet)
}

/// A network that the host neither has nor knows a way to. Those of other clusters are among them:
/// each has its bridge.
fn free_subnet(netlink: &mut Netlink) -> Result<Cidr> {
    let addresses = netlink.addresses()?.into_iter().map(|it| it.address);
    let routes = netlink.routes(Family::V4)?;
    let ways = routes.into_iter().map(|route| route.destination);
    let mut taken = Vec::new();
    for Address { ip, prefix } in addresses.chain(ways) {
        match ip {
            // A default route leads everywhere, and takes nothing.
            IpAddr::V4(ip) if prefix > 0 => taken.push(Cidr::new(ip, prefix)),
            _ => {}
        }
    }
    let all = Cidr::new(SUBNETS, 16);
    let candidates = (0..=255).map(|number| Cidr::new(all.address(number << 8), 24));
    match candidates
        .into_iter()
        .find(|it| !taken.iter().any(|other| other.overlaps(*it)))
    {
        Some(free) => Ok(free),
        None => bail!("no network in {all} is free; delete a cluster"),
    }
}

fn index(netlink: &mut Netlink, name: &str) -> Result<u32> {
    let link = netlink.link(name)?;
    Ok(link.with_context(|| format!("link {name} is gone"))?.index)
}

/// Packets that leave by another link than the bridge carry the host's address. The host may see
/// what crosses the bridge too: nodes that speak to pods of each other keep their addresses.
fn egress(name: &str, bridge: &str, subnet: Cidr) -> Result<()> {
    let table = Table::ipv4(name);
    let mut batch = Batch::new();
    batch.reset_table(&table);
    let flags = SetFlags {
        is_interval: true,
        dynamic_timeout_ms: None,
    };
    batch.add_set(
        &table,
        &Set {
            name: SET,
            key: &[Type::Ipv4],
            data: &[],
            flags,
        },
    );
    let network = Element::network(subnet.address(0).into(), subnet.prefix());
    batch.add_elements(&table, SET, &network);
    let hook = Some((Hook::NatPostrouting, PRIORITY));
    batch.add_chain(&table, Chain { name: CHAIN, hook });
    let mut link = [0; LINK_NAME_BYTES];
    link[..bridge.len()].copy_from_slice(bridge.as_bytes());
    let rule = [
        expression::output_name(4),
        expression::differs(4, &link),
        expression::ipv4_source(0),
        expression::is_in(SET, 0),
        expression::ipv4_destination(1),
        expression::is_not_in(SET, 1),
        expression::masquerade(),
    ];
    batch.add_rule(&table, CHAIN, &rule, "nodes that leave their bridge");
    Ok(Nftables::open()?.commit(batch)?)
}

/// Gives the sandbox of process `pid` a link, an address and a way out.
pub(crate) fn attach(
    folder: &Path,
    (number, pid): (usize, u32),
    subnet: Cidr,
    address: Ipv4Addr,
) -> Result<()> {
    let netns = PathBuf::from(format!("/proc/{pid}/ns/net"));
    let file = std::fs::File::open(&netns).context("could not open the node's network")?;
    let name = format!("{}-{number}", prefix(folder));
    let mut netlink = Netlink::open().context("could not speak to the kernel")?;
    netlink.create_veth(&Veth {
        name: &name,
        mac: None,
        peer_name: "eth0",
        peer_mac: None,
        peer_netns: Some(std::os::fd::AsFd::as_fd(&file)),
        mtu: None,
    })?;
    let bridge = index(&mut netlink, &bridge_name(folder))?;
    let link = index(&mut netlink, &name)?;
    let change = LinkChange {
        up: true,
        master: Some(bridge),
        ..LinkChange::default()
    };
    netlink.change_link(link, change)?;
    let inside = NetNs::open(&netns).context("could not open the node's network")?;
    inside
        .run(|| configure(subnet, address))
        .context("could not enter the node's network")?
}

fn configure(subnet: Cidr, address: Ipv4Addr) -> Result<()> {
    let mut netlink = Netlink::open().context("could not speak to the kernel")?;
    let loopback = index(&mut netlink, "lo")?;
    netlink.set_up(loopback)?;
    let link = index(&mut netlink, "eth0")?;
    netlink.add_address(
        link,
        Address {
            ip: address.into(),
            prefix: subnet.prefix(),
        },
    )?;
    netlink.set_up(link)?;
    netlink.replace_route(&Route {
        destination: Address {
            ip: Ipv4Addr::UNSPECIFIED.into(),
            prefix: 0,
        },
        hop: Hop::Gateway(subnet.address(1).into()),
        source: None,
        protocol: 0,
    })?;
    set_sysctl(FORWARDING, "1").context("could not let packets through the node")
}

#[cfg(test)]
mod tests;
