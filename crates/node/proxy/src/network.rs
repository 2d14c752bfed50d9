//! Networks of IPv4 addresses, as a start and the length of its prefix.

use std::net::Ipv4Addr;

/// Whether the second network is within the first.
pub(crate) fn contains(
    (outer, prefix): (Ipv4Addr, u8),
    (inner, inner_prefix): (Ipv4Addr, u8),
) -> bool {
    let free = 32 - u32::from(prefix);
    let start = |ip: Ipv4Addr| ip.to_bits().checked_shr(free).unwrap_or(0);
    prefix <= inner_prefix && start(outer) == start(inner)
}

/// Reads a network of IPv4.
pub(crate) fn parse(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (ip, prefix) = text.split_once('/')?;
    let prefix = prefix.parse().ok().filter(|prefix: &u8| *prefix <= 32)?;
    Some((ip.parse().ok()?, prefix))
}

/// The bits of an address that a network has in common, as the kernel's registers hold them.
pub(crate) fn mask(prefix: u8) -> u32 {
    let free = 32 - u32::from(prefix);
    let mask = u32::MAX.checked_shl(free).unwrap_or(0);
    u32::from_ne_bytes(mask.to_be_bytes())
}

/// The first address of a network.
pub(crate) fn start((ip, prefix): (Ipv4Addr, u8)) -> Ipv4Addr {
    Ipv4Addr::from((u32::from_ne_bytes(ip.octets()) & mask(prefix)).to_ne_bytes())
}
