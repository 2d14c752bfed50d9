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
