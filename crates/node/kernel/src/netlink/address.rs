//! Addresses of links.

use std::net::IpAddr;

use super::message::{CREATE, Message, REPLACE, Received, attributes, family_of, ip_of, u32_at};
use super::{Netlink, NetlinkError};

const NEWADDR: u16 = 20;
const DELADDR: u16 = 21;
const GETADDR: u16 = 22;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// An address with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    pub ip: IpAddr,
    pub prefix: u8,
}

/// An address on a link, as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The link's index.
    pub link: u32,
    pub address: Address,
}

impl Netlink {
    /// Gives a link an address; one that is there already is fine.
    pub fn add_address(&mut self, link: u32, address: Address) -> Result<(), NetlinkError> {
        let message = message_of(NEWADDR, CREATE | REPLACE, link, address);
        self.socket.change(message, || {
            format!(
                "add address {}/{} to link {link}",
                address.ip, address.prefix
            )
        })
    }

    /// Takes an address from a link.
    pub fn delete_address(&mut self, link: u32, address: Address) -> Result<(), NetlinkError> {
        let message = message_of(DELADDR, 0, link, address);
        self.socket.change(message, || {
            format!(
                "delete address {}/{} of link {link}",
                address.ip, address.prefix
            )
        })
    }

    /// All addresses of the namespace.
    pub fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, NetlinkError> {
        let message = Message::new(GETADDR, 0).fixed(&[0; 8]);
        let mut found = Vec::new();
        let list = |received: Received<'_>| found.extend(address_of(received.payload));
        self.socket
            .dump(message, || "list addresses".to_owned(), list)?;
        Ok(found)
    }
}

fn message_of(kind: u16, flags: u16, link: u32, address: Address) -> Message {
    let mut fixed = [family_of(address.ip), address.prefix, 0, 0, 0, 0, 0, 0];
    fixed[4..].copy_from_slice(&link.to_ne_bytes());
    let mut message = Message::new(kind, flags).fixed(&fixed);
    message.put_ip(IFA_LOCAL, address.ip);
    message.put_ip(IFA_ADDRESS, address.ip);
    message
}

fn address_of(payload: &[u8]) -> Option<InterfaceAddress> {
    let mut ip = None;
    for (kind, value) in attributes(payload.get(8..)?) {
        match kind {
            IFA_LOCAL => ip = ip_of(value),
            IFA_ADDRESS if ip.is_none() => ip = ip_of(value),
            _ => {}
        }
    }
    Some(InterfaceAddress {
        link: u32_at(payload, 4)?,
        address: Address {
            ip: ip?,
            prefix: *payload.get(1)?,
        },
    })
}
