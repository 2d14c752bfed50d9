//! Neighbours that need not be asked for: permanent ARP entries, and where VXLAN finds a machine.

use std::net::IpAddr;

use super::message::{CREATE, Message, REPLACE, family_of};
use super::{Mac, Netlink, NetlinkError};

const NEWNEIGH: u16 = 28;
const DELNEIGH: u16 = 29;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const STATE_PERMANENT: u16 = 0x80;
const FLAG_SELF: u8 = 0x02;
const FAMILY_BRIDGE: u8 = 7;

/// An address on a link whose hardware address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Neighbour {
    /// The link's index.
    pub link: u32,
    pub ip: IpAddr,
    pub mac: Mac,
}

impl Netlink {
    /// Sets a permanent entry.
    pub fn set_neighbour(&mut self, neighbour: &Neighbour) -> Result<(), NetlinkError> {
        let fixed = header(family_of(neighbour.ip), neighbour.link, 0);
        let mut message = Message::new(NEWNEIGH, CREATE | REPLACE).fixed(&fixed);
        message.put_ip(NDA_DST, neighbour.ip);
        message.put(NDA_LLADDR, &neighbour.mac.0);
        self.socket.change(message, || {
            format!("set neighbour {} on link {}", neighbour.ip, neighbour.link)
        })
    }

    /// Removes an entry.
    pub fn delete_neighbour(&mut self, link: u32, ip: IpAddr) -> Result<(), NetlinkError> {
        let mut message = Message::new(DELNEIGH, 0).fixed(&header(family_of(ip), link, 0));
        message.put_ip(NDA_DST, ip);
        self.socket
            .change(message, || format!("delete neighbour {ip} on link {link}"))
    }

    /// Tells a VXLAN device (`link`) that the machine with hardware address `mac` is at `ip`.
    pub fn set_forwarding(&mut self, entry: &Neighbour) -> Result<(), NetlinkError> {
        let fixed = header(FAMILY_BRIDGE, entry.link, FLAG_SELF);
        let mut message = Message::new(NEWNEIGH, CREATE | REPLACE).fixed(&fixed);
        message.put_ip(NDA_DST, entry.ip);
        message.put(NDA_LLADDR, &entry.mac.0);
        self.socket.change(message, || {
            format!(
                "forward {} to {} on link {}",
                entry.mac, entry.ip, entry.link
            )
        })
    }

    /// Takes back what [`Self::set_forwarding`] told.
    pub fn delete_forwarding(&mut self, link: u32, mac: Mac) -> Result<(), NetlinkError> {
        let fixed = header(FAMILY_BRIDGE, link, FLAG_SELF);
        let mut message = Message::new(DELNEIGH, 0).fixed(&fixed);
        message.put(NDA_LLADDR, &mac.0);
        self.socket
            .change(message, || format!("stop forwarding {mac} on link {link}"))
    }
}

/// `struct ndmsg`.
fn header(family: u8, link: u32, flags: u8) -> [u8; 12] {
    let mut fixed = [0; 12];
    fixed[0] = family;
    fixed[4..8].copy_from_slice(&link.to_ne_bytes());
    fixed[8..10].copy_from_slice(&STATE_PERMANENT.to_ne_bytes());
    fixed[10] = flags;
    fixed
}
