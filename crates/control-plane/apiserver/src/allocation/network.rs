//! A network out of which addresses are given.

use std::net::IpAddr;

/// `10.96.0.0/16`, `fd00::/108`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    base: IpAddr,
    prefix: u8,
}

/// Larger networks are used in part: nobody has more services.
const OFFSETS_MAX: u128 = 1 << 32;

impl Network {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let prefix: u8 = prefix.parse().ok()?;
        if u32::from(prefix) > bits(address) {
            return None;
        }
        let network = Self {
            base: address,
            prefix,
        };
        let base = number(address) >> network.host_bits() << network.host_bits();
        Some(Self {
            base: network.at(base),
            prefix,
        })
    }

    fn host_bits(&self) -> u32 {
        // A whole IPv6 address as host part would shift by all bits; nobody serves that.
        (bits(self.base) - u32::from(self.prefix)).min(127)
    }

    pub(crate) fn is_ipv4(&self) -> bool {
        self.base.is_ipv4()
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_ipv4()
            && number(address) >> self.host_bits() == number(self.base) >> self.host_bits()
    }

    /// Addresses that can be given: not the network's own, and not IPv4's broadcast.
    pub(crate) fn usable(&self) -> u64 {
        let all = (1_u128 << self.host_bits()).min(OFFSETS_MAX);
        let reserved = if self.is_ipv4() { 2 } else { 1 };
        u64::try_from(all.saturating_sub(reserved)).expect("limited above")
    }

    /// The address at an offset; that of offset 0 is the first usable one.
    pub(crate) fn address(&self, offset: u64) -> IpAddr {
        self.at(number(self.base) + 1 + u128::from(offset))
    }

    /// Whether an address is one of the usable.
    pub(crate) fn is_usable(&self, address: IpAddr) -> bool {
        if !self.contains(address) {
            return false;
        }
        let offset = number(address) - number(self.base);
        offset >= 1 && offset <= u128::from(self.usable())
    }

    fn at(&self, number: u128) -> IpAddr {
        match self.base {
            IpAddr::V4(_) => {
                let number = u32::try_from(number & u128::from(u32::MAX)).expect("masked");
                IpAddr::from(number.to_be_bytes())
            }
            IpAddr::V6(_) => IpAddr::from(number.to_be_bytes()),
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests;
