//! `nodePortAddresses`: at which of its addresses a node answers for its services.
//!
//! Networks, or words for networks. Nothing stands for `primary`, as upstream has it in this mode.

use std::net::Ipv4Addr;

use super::networks;

const EVERYWHERE: (Ipv4Addr, u8) = (Ipv4Addr::UNSPECIFIED, 0);
const LOOPBACK: (Ipv4Addr, u8) = (Ipv4Addr::new(127, 0, 0, 0), 8);

/// Where node ports answer, as far as it is known without the Node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodePortAddresses {
    networks: Vec<(Ipv4Addr, u8)>,
    has_primary: bool,
    /// Stands for the Node's own address.
    bind_address: Option<Ipv4Addr>,
}

impl NodePortAddresses {
    /// Reads the words and networks of a configuration.
    pub(super) fn read(words: &[String], bind_address: &str) -> anyhow::Result<Self> {
        let is = |wanted: &str| words.iter().any(|word| word == wanted);
        let plain = words
            .iter()
            .filter(|word| !["primary", "localhost", "all"].contains(&word.as_str()));
        let mut networks = networks(plain)?;
        networks.extend(is("localhost").then_some(LOOPBACK));
        networks.extend(is("all").then_some(EVERYWHERE));
        let bind_address = bind_address.parse().ok();
        Ok(Self {
            networks,
            has_primary: words.is_empty() || is("primary"),
            bind_address: bind_address.filter(|ip: &Ipv4Addr| !ip.is_unspecified()),
        })
    }

    /// The networks, if that is the Node's address; empty means everywhere.
    pub(crate) fn networks(&self, node: Option<Ipv4Addr>) -> Vec<(Ipv4Addr, u8)> {
        let primary = self.bind_address.or(node).filter(|ip| !ip.is_loopback());
        let primary = primary.filter(|_| self.has_primary).map(|ip| (ip, 32));
        let networks: Vec<_> = self.networks.iter().copied().chain(primary).collect();
        if networks.iter().any(|(_, prefix)| *prefix == 0) {
            return Vec::new();
        }
        networks
    }
}

#[cfg(test)]
mod tests;
