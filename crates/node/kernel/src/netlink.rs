//! Links, addresses, routes and neighbours over rtnetlink, and conntrack entries over ctnetlink.
//!
//! Synchronous: one request, one answer, microseconds each. A [`Netlink`] belongs to the network
//! namespace of the thread that opened it and stays there, whoever uses it.

mod address;
mod conntrack;
mod link;
mod message;
mod neighbour;
mod route;
mod socket;

pub use address::{Address, InterfaceAddress};
pub use conntrack::{Conntrack, Flow};
pub use link::{Link, LinkChange, Mac, Veth, Vxlan};
pub use neighbour::Neighbour;
pub use route::{Family, Hop, Route};
pub use socket::NetlinkError;

pub(crate) use message::{Message, attributes};
pub(crate) use socket::Socket;

/// A connection to the routing part of the kernel's network stack.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
}

impl Netlink {
    /// Opens a connection to the network namespace of the calling thread.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self {
            socket: Socket::route()?,
        })
    }
}

#[cfg(test)]
mod tests;
