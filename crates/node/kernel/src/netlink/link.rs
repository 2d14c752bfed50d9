//! Links: veth pairs, bridges, VXLAN devices; up, down, size, master.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use super::message::{CREATE, EXCLUSIVE, Message, attributes, text_of, u32_at};
use super::{Netlink, NetlinkError};

const NEWLINK: u16 = 16;
const DELLINK: u16 = 17;
const GETLINK: u16 = 18;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_VXLAN_ID: u16 = 1;
const IFLA_VXLAN_LINK: u16 = 3;
const IFLA_VXLAN_LOCAL: u16 = 4;
const IFLA_VXLAN_LEARNING: u16 = 7;
const IFLA_VXLAN_PORT: u16 = 15;
/// Leaves out the statistics, which are most of a dump.
const SKIP_STATISTICS: u32 = 1 << 3;

const IFF_UP: u32 = 1;

/// A hardware address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// A locally administered address that follows from an IPv4 address, so that nobody has to ask
    /// for it. `prefix` keeps different uses apart.
    pub fn of_ipv4(prefix: [u8; 2], ip: Ipv4Addr) -> Self {
        let [a, b, c, d] = ip.octets();
        Self([prefix[0], prefix[1], a, b, c, d])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A link as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub index: u32,
    pub name: String,
    pub mac: Option<Mac>,
    pub mtu: u32,
    pub is_up: bool,
    /// `veth`, `bridge`, `vxlan` ...; empty for real hardware and for the loopback.
    pub kind: String,
    /// The index of the bridge that it belongs to.
    pub master: Option<u32>,
}

/// A pair of links, the second one created straight in another namespace.
#[derive(Debug, Clone, Copy)]
pub struct Veth<'a> {
    pub name: &'a str,
    pub mac: Option<Mac>,
    pub peer_name: &'a str,
    pub peer_mac: Option<Mac>,
    pub peer_netns: Option<BorrowedFd<'a>>,
    pub mtu: Option<u32>,
}

/// A VXLAN device without learning: who lives where is told by neighbour entries.
#[derive(Debug, Clone, Copy)]
pub struct Vxlan<'a> {
    pub name: &'a str,
    pub mac: Mac,
    pub id: u32,
    pub port: u16,
    pub local: IpAddr,
    /// The link below, by index.
    pub link: Option<u32>,
    pub mtu: u32,
}

/// What to change about a link; nothing by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkChange<'a> {
    pub up: bool,
    pub down: bool,
    pub mtu: Option<u32>,
    pub mac: Option<Mac>,
    pub name: Option<&'a str>,
    pub master: Option<u32>,
    pub netns: Option<BorrowedFd<'a>>,
}

impl Netlink {
    /// Creates a pair of links.
    pub fn create_veth(&mut self, veth: &Veth<'_>) -> Result<(), NetlinkError> {
        let mut message = new_link(veth.name, veth.mac, veth.mtu);
        message.nest(IFLA_LINKINFO, |info| {
            info.put_text(IFLA_INFO_KIND, "veth");
            info.nest(IFLA_INFO_DATA, |data| {
                data.nest(VETH_INFO_PEER, |peer| {
                    peer.raw(&header(0, 0, 0));
                    put_common(peer, veth.peer_name, veth.peer_mac, veth.mtu);
                    if let Some(netns) = veth.peer_netns {
                        put_fd(peer, netns);
                    }
                });
            });
        });
        self.socket.change(message, || {
            format!("create veth pair {} and {}", veth.name, veth.peer_name)
        })
    }

    /// Creates a bridge.
    pub fn create_bridge(&mut self, name: &str) -> Result<(), NetlinkError> {
        let mut message = new_link(name, None, None);
        message.nest(IFLA_LINKINFO, |info| {
            info.put_text(IFLA_INFO_KIND, "bridge");
        });
        self.socket
            .change(message, || format!("create bridge {name}"))
    }

    /// Creates a VXLAN device.
    pub fn create_vxlan(&mut self, vxlan: &Vxlan<'_>) -> Result<(), NetlinkError> {
        let mut message = new_link(vxlan.name, Some(vxlan.mac), Some(vxlan.mtu));
        message.nest(IFLA_LINKINFO, |info| {
            info.put_text(IFLA_INFO_KIND, "vxlan");
            info.nest(IFLA_INFO_DATA, |data| {
                data.put_u32(IFLA_VXLAN_ID, vxlan.id);
                data.put_ip(IFLA_VXLAN_LOCAL, vxlan.local);
                data.put(IFLA_VXLAN_LEARNING, &[0]);
                data.put(IFLA_VXLAN_PORT, &vxlan.port.to_be_bytes());
                if let Some(link) = vxlan.link {
                    data.put_u32(IFLA_VXLAN_LINK, link);
                }
            });
        });
        self.socket
            .change(message, || format!("create vxlan {}", vxlan.name))
    }

    /// Changes a link.
    pub fn change_link(&mut self, index: u32, change: LinkChange<'_>) -> Result<(), NetlinkError> {
        let (flags, mask) = match (change.up, change.down) {
            (true, _) => (IFF_UP, IFF_UP),
            (false, true) => (0, IFF_UP),
            (false, false) => (0, 0),
        };
        let mut message = Message::new(NEWLINK, 0).fixed(&header(index, flags, mask));
        if let Some(mtu) = change.mtu {
            message.put_u32(IFLA_MTU, mtu);
        }
        if let Some(mac) = change.mac {
            message.put(IFLA_ADDRESS, &mac.0);
        }
        if let Some(name) = change.name {
            message.put_text(IFLA_IFNAME, name);
        }
        if let Some(master) = change.master {
            message.put_u32(IFLA_MASTER, master);
        }
        if let Some(netns) = change.netns {
            put_fd(&mut message, netns);
        }
        self.socket
            .change(message, || format!("change link {index}"))
    }

    /// Brings a link up.
    pub fn set_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        let change = LinkChange {
            up: true,
            ..LinkChange::default()
        };
        self.change_link(index, change)
    }

    /// Deletes a link. Slow for veth: drop its namespace instead where that is possible.
    pub fn delete_link(&mut self, index: u32) -> Result<(), NetlinkError> {
        let message = Message::new(DELLINK, 0).fixed(&header(index, 0, 0));
        self.socket
            .change(message, || format!("delete link {index}"))
    }

    /// The link of a name, if there is one.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let mut message = Message::new(GETLINK, 0).fixed(&header(0, 0, 0));
        message.put_text(IFLA_IFNAME, name);
        message.put_u32(IFLA_EXT_MASK, SKIP_STATISTICS);
        let mut found = None;
        let outcome = self.socket.query(
            message,
            || format!("look up link {name}"),
            |received| found = found.take().or_else(|| link_of(received.payload)),
        );
        match outcome {
            Ok(()) => Ok(found),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All links of the namespace.
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let mut message = Message::new(GETLINK, 0).fixed(&header(0, 0, 0));
        message.put_u32(IFLA_EXT_MASK, SKIP_STATISTICS);
        let mut found = Vec::new();
        let list = |received: super::message::Received<'_>| found.extend(link_of(received.payload));
        self.socket
            .dump(message, || "list links".to_owned(), list)?;
        Ok(found)
    }
}

/// `struct ifinfomsg`.
fn header(index: u32, flags: u32, mask: u32) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&flags.to_ne_bytes());
    fixed[12..16].copy_from_slice(&mask.to_ne_bytes());
    fixed
}

fn new_link(name: &str, mac: Option<Mac>, mtu: Option<u32>) -> Message {
    let mut message = Message::new(NEWLINK, CREATE | EXCLUSIVE).fixed(&header(0, 0, 0));
    put_common(&mut message, name, mac, mtu);
    message
}

fn put_common(message: &mut Message, name: &str, mac: Option<Mac>, mtu: Option<u32>) {
    message.put_text(IFLA_IFNAME, name);
    if let Some(mac) = mac {
        message.put(IFLA_ADDRESS, &mac.0);
    }
    if let Some(mtu) = mtu {
        message.put_u32(IFLA_MTU, mtu);
    }
}

fn put_fd(message: &mut Message, fd: BorrowedFd<'_>) {
    message.put(IFLA_NET_NS_FD, &fd.as_raw_fd().to_ne_bytes());
}

fn link_of(payload: &[u8]) -> Option<Link> {
    let mut link = Link {
        index: u32_at(payload, 4)?,
        name: String::new(),
        mac: None,
        mtu: 0,
        is_up: u32_at(payload, 8)? & IFF_UP != 0,
        kind: String::new(),
        master: None,
    };
    for (kind, value) in attributes(payload.get(16..)?) {
        match kind {
            IFLA_IFNAME => link.name = text_of(value),
            IFLA_ADDRESS => link.mac = value.try_into().ok().map(Mac),
            IFLA_MTU => link.mtu = u32_at(value, 0)?,
            IFLA_MASTER => link.master = u32_at(value, 0),
            IFLA_LINKINFO => {
                let info = attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND);
                link.kind = info.map(|(_, name)| text_of(name)).unwrap_or_default();
            }
            _ => {}
        }
    }
    Some(link)
}
