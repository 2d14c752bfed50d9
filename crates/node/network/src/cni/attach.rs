//! Wires a pod: a veth pair, a /32, a default route through the node.
//!
//! The pod's router is a link-local address that nobody has: a permanent neighbour entry leads it
//! to the node's end of the link. Links are never deleted here, they go with the pod's namespace.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;

use serde_json::Value;
use styr_kernel::netlink::{Address, Hop, Mac, Neighbour, Netlink, NetlinkError, Route, Veth};
use styr_kernel::netns::{self, NetNs};

use super::error::{CniError, Code};
use super::request::{NetworkConfig, PortMapping, Request};
use super::state::{Attachment, HostPort, Locked};
use super::{host_ports, result};

/// The router of every pod.
pub(super) const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
/// The hardware address of every node's end: nobody else shares a link with it.
const HOST_MAC: Mac = Mac([0xee; 6]);
/// Begins the hardware address of a pod's end; the address follows.
const POD_MAC: [u8; 2] = [0x0a, 0x58];
const LOOPBACK: u32 = 1;

/// ADD.
pub(super) fn add(request: &Request, config: &NetworkConfig) -> Result<Value, CniError> {
    let pod = NetNs::open(&request.netns)?;
    let network = config.network()?;
    let mut locked = Locked::open(&config.state_folder())?;
    let before = locked.state.clone();
    // A second ADD without DEL starts over.
    locked.state.attachments.remove(&request.key());
    let address = locked.state.allocate(network).ok_or_else(|| {
        let what = format!("no free address is left in {}", config.pod_cidr);
        CniError::plain(Code::TryLater, what)
    })?;
    let attachment = Attachment {
        address,
        link: link_name(&request.key()),
        host_ports: ports(config.port_mappings())?,
    };
    locked
        .state
        .attachments
        .insert(request.key(), attachment.clone());
    locked.save()?;
    let macs = (HOST_MAC, Mac::of_ipv4(POD_MAC, address));
    let wired = wire(request, &attachment, config.mtu, &pod)
        .and_then(|()| host_ports::change(&before, &locked.state));
    if let Err(error) = wired {
        let failed = locked.state.clone();
        locked.state = before;
        // The address goes back; should that fail as well, DEL or GC finds it later.
        let _ = host_ports::change(&failed, &locked.state);
        let _ = locked.save();
        return Err(error);
    }
    Ok(result::of_add(
        &config.cni_version,
        request,
        &attachment,
        macs,
    ))
}

/// DEL. Succeeds for what is not there.
pub(super) fn delete(request: &Request, config: &NetworkConfig) -> Result<Value, CniError> {
    let mut locked = Locked::open(&config.state_folder())?;
    release(&mut locked, |key| key == request.key())?;
    Ok(Value::Null)
}

/// GC: releases all that the runtime does not name.
pub(super) fn collect(config: &NetworkConfig) -> Result<Value, CniError> {
    let Some(valid) = &config.valid_attachments else {
        let what = "GC came without cni.dev/valid-attachments";
        return Err(CniError::plain(Code::Config, what));
    };
    let kept: Vec<String> = valid
        .iter()
        .map(|attachment| format!("{}/{}", attachment.container_id, attachment.ifname))
        .collect();
    let mut locked = Locked::open(&config.state_folder())?;
    release(&mut locked, |key| !kept.iter().any(|kept| kept == key))?;
    Ok(Value::Null)
}

/// STATUS: whether ADD would find an address.
pub(super) fn status(config: &NetworkConfig) -> Result<Value, CniError> {
    let unavailable = |error: CniError| CniError::plain(Code::Unavailable, error.message);
    let network = config.network().map_err(unavailable)?;
    let mut locked = Locked::open(&config.state_folder()).map_err(unavailable)?;
    match locked.state.allocate(network) {
        Some(_) => Ok(Value::Null),
        None => Err(CniError::plain(
            Code::Unavailable,
            format!("no free address is left in {}", config.pod_cidr),
        )),
    }
}

/// CHECK: what ADD made is still there.
pub(super) fn check(request: &Request, config: &NetworkConfig) -> Result<Value, CniError> {
    let changed = |what: String| Err(CniError::plain(Code::Kernel, what));
    let locked = Locked::open(&config.state_folder())?;
    let Some(attachment) = locked.state.attachments.get(&request.key()) else {
        let what = format!("container {} is not attached", request.container_id);
        return Err(CniError::plain(Code::UnknownContainer, what));
    };
    let expected = format!("{}/32", attachment.address);
    if let Some(previous) = &config.prev_result
        && !result::addresses(previous).contains(&expected)
    {
        return changed(format!("prevResult does not name {expected}"));
    }
    if Netlink::open()?.link(&attachment.link)?.is_none() {
        return changed(format!("link {} is gone", attachment.link));
    }
    let address = Address {
        ip: attachment.address.into(),
        prefix: 32,
    };
    let has_address = NetNs::open(&request.netns)?.run(|| -> Result<bool, NetlinkError> {
        let mut netlink = Netlink::open()?;
        let Some(link) = netlink.link(&request.interface)? else {
            return Ok(false);
        };
        let addresses = netlink.addresses()?;
        Ok(addresses
            .iter()
            .any(|entry| entry.link == link.index && entry.address == address))
    })??;
    if !has_address {
        return changed(format!("{} has no longer {expected}", request.interface));
    }
    Ok(Value::Null)
}

fn release(locked: &mut Locked, is_gone: impl Fn(&str) -> bool) -> Result<(), CniError> {
    let before = locked.state.clone();
    let mut netlink = None;
    for (key, attachment) in &before.attachments {
        if !is_gone(key) {
            continue;
        }
        let netlink = match &mut netlink {
            Some(open) => open,
            none => none.insert(Netlink::open()?),
        };
        unroute(netlink, attachment)?;
        locked.state.attachments.remove(key);
    }
    if locked.state == before {
        return Ok(());
    }
    host_ports::change(&before, &locked.state)?;
    locked.save()
}

/// The address may be given to another pod before the old namespace has gone.
fn unroute(netlink: &mut Netlink, attachment: &Attachment) -> Result<(), NetlinkError> {
    let Some(link) = netlink.link(&attachment.link)? else {
        return Ok(());
    };
    match netlink.delete_route(&route_to_pod(attachment.address, link.index)) {
        Err(error) if !error.is_missing() => Err(error),
        _ => Ok(()),
    }
}

fn route_to_pod(address: Ipv4Addr, link: u32) -> Route {
    Route {
        destination: Address {
            ip: address.into(),
            prefix: 32,
        },
        hop: Hop::Link(link),
        source: None,
        protocol: 0,
    }
}

fn wire(
    request: &Request,
    attachment: &Attachment,
    mtu: Option<u32>,
    pod: &NetNs,
) -> Result<(), CniError> {
    let address = attachment.address;
    let pod_mac = Mac::of_ipv4(POD_MAC, address);
    let mut netlink = Netlink::open()?;
    let veth = Veth {
        name: &attachment.link,
        mac: Some(HOST_MAC),
        peer_name: &request.interface,
        peer_mac: Some(pod_mac),
        peer_netns: Some(pod.as_fd()),
        mtu,
    };
    if let Some(stale) = netlink.link(&attachment.link)? {
        // What an ADD left that failed half-way, or a second ADD.
        netlink.delete_link(stale.index)?;
    }
    netlink.create_veth(&veth)?;
    let link = netlink
        .link(&attachment.link)?
        .ok_or_else(|| NetlinkError::missing_link(&attachment.link))?;
    host_sysctls(&attachment.link)?;
    netlink.set_up(link.index)?;
    netlink.set_neighbour(&Neighbour {
        link: link.index,
        ip: address.into(),
        mac: pod_mac,
    })?;
    netlink.replace_route(&route_to_pod(address, link.index))?;
    pod.run(|| inside(&request.interface, address))??;
    Ok(())
}

/// An answer to 127.0.0.1 comes back through the pod's link when a host port is used from the
/// node itself; without `route_localnet` the kernel drops it as a martian.
fn host_sysctls(link: &str) -> Result<(), CniError> {
    let path = format!("net/ipv4/conf/{link}/route_localnet");
    netns::set_sysctl(&path, "1")
        .map_err(|error| CniError::new(Code::Kernel, "could not set up the link", &error))
}

fn inside(interface: &str, address: Ipv4Addr) -> Result<(), NetlinkError> {
    let mut netlink = Netlink::open()?;
    netlink.set_up(LOOPBACK)?;
    let link = netlink
        .link(interface)?
        .ok_or_else(|| NetlinkError::missing_link(interface))?;
    let of = |ip: Ipv4Addr, prefix| Address {
        ip: ip.into(),
        prefix,
    };
    netlink.add_address(link.index, of(address, 32))?;
    netlink.set_up(link.index)?;
    let gateway = IpAddr::from(GATEWAY);
    netlink.set_neighbour(&Neighbour {
        link: link.index,
        ip: gateway,
        mac: HOST_MAC,
    })?;
    let route = |destination, hop| Route {
        destination,
        hop,
        source: None,
        protocol: 0,
    };
    netlink.replace_route(&route(of(GATEWAY, 32), Hop::Link(link.index)))?;
    let default = of(Ipv4Addr::UNSPECIFIED, 0);
    netlink.replace_route(&route(default, Hop::OnLink(gateway, link.index)))
}

/// A name for the node's end that follows from the attachment: `st` and 12 hexadecimal digits.
fn link_name(key: &str) -> String {
    // FNV-1a.
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("st{:012x}", hash >> 16)
}

fn ports(mappings: &[PortMapping]) -> Result<Vec<HostPort>, CniError> {
    let wanted = mappings.iter().filter(|mapping| mapping.host_port != 0);
    wanted
        .filter(|mapping| !mapping.host_ip.contains(':'))
        .map(|mapping| {
            let refused = |what: String| CniError::plain(Code::Config, what);
            let protocol = match mapping.protocol.to_ascii_lowercase().as_str() {
                "" | "tcp" => 6,
                "udp" => 17,
                "sctp" => 132,
                other => return Err(refused(format!("protocol {other:?} is not known"))),
            };
            let host_ip = match mapping.host_ip.as_str() {
                "" | "0.0.0.0" => None,
                text => Some(
                    text.parse()
                        .map_err(|_| refused(format!("hostIP {text:?} is not an address")))?,
                ),
            };
            Ok(HostPort {
                host_ip,
                host_port: mapping.host_port,
                container_port: mapping.container_port,
                protocol,
            })
        })
        .collect()
}
