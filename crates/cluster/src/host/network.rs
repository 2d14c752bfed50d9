//! A bridge with a subnet of its own, and the nodes' links to it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use styr_kernel::netlink::{Address, Hop, LinkChange, Netlink, Route, Veth};
use styr_kernel::netns::{NetNs, set_sysctl, sysctl};
use styr_kernel::nftables::expression;
use styr_kernel::nftables::{Batch, Chain, Element, Hook, Nftables, Set, SetFlags, Table, Type};

use crate::config::Cidr;
use crate::journal::{Entry, Journal};
use crate::state::State;

/// The first octets of the bridges' networks, as container engines have them.
const SUBNETS: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 0);
const FORWARDING: &str = "net/ipv4/ip_forward";
const SET: &str = "nodes";
const CHAIN: &str = "postrouting";
/// As source NAT is ordered among the chains of that hook.
const PRIORITY: i32 = 100;

/// The beginning of a cluster's links: six digits that follow from its folder.
pub(crate) fn prefix(folder: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    folder.hash(&mut hasher);
    format!("st{:06x}", hasher.finish() & 0x00ff_ffff)
}

/// Makes bridge and way out; answers the subnet, whose first address is the host's.
pub(crate) fn make(state: &State, folder: &Path, journal: &mut Journal) -> Result<Cidr> {
    let _shared = state.shared_lock()?;
    let mut netlink = Netlink::open().context("could not speak to the kernel")?;
    let subnet = free_subnet(state, &mut netlink)?;
    std::fs::write(folder.join("subnet"), subnet.to_string())
        .context("could not keep the subnet")?;
    let bridge = format!("{}-0", prefix(folder));
    journal.write(&Entry::Link {
        name: bridge.clone(),
    })?;
    netlink.create_bridge(&bridge)?;
    let index = index(&mut netlink, &bridge)?;
    netlink.add_address(
        index,
        Address {
            ip: subnet.address(1).into(),
            prefix: subnet.prefix(),
        },
    )?;
    netlink.set_up(index)?;
    let before = sysctl(FORWARDING).context("could not read ip_forward")?;
    if before.trim() != "1" {
        let path = PathBuf::from(FORWARDING);
        journal.write(&Entry::Setting {
            path,
            before: before.trim().to_owned(),
        })?;
        set_sysctl(FORWARDING, "1").context("could not let packets through")?;
    }
    journal.write(&Entry::Table {
        name: prefix(folder),
    })?;
    egress(&prefix(folder), subnet).context("could not let nodes out")?;
    Ok(subnet)
}

/// A network that neither another cluster nor a link of the host has.
fn free_subnet(state: &State, netlink: &mut Netlink) -> Result<Cidr> {
    let mut taken = state.subnets()?;
    for found in netlink.addresses()? {
        if let IpAddr::V4(ip) = found.address.ip {
            taken.push(Cidr::new(ip, found.address.prefix));
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

/// Packets that leave the bridge's network carry the host's address.
fn egress(name: &str, subnet: Cidr) -> Result<()> {
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
    let rule = [
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
    let bridge = index(&mut netlink, &format!("{}-0", prefix(folder)))?;
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
