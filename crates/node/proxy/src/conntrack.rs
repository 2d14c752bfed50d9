//! Deletes tracked UDP flows that lead where no endpoint is any more.
//!
//! A UDP client that keeps sending would otherwise keep its flow, and with it the dead endpoint.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use styr_kernel::netlink::{Conntrack, Flow, NetlinkError};

use crate::contribution::Contribution;

const UDP: u8 = 17;

/// Front ends to look at, with what may answer them; without an address, a node port.
pub(crate) type Suspects = BTreeMap<(Option<Ipv4Addr>, u16), Vec<SocketAddrV4>>;

/// The front ends whose flows may have become wrong: an endpoint left, or the first one came.
pub(crate) fn suspects(old: &Contribution, new: &Contribution, to: &mut Suspects) {
    for (front, before) in &old.udp {
        let after = new.udp.get(front).cloned().unwrap_or_default();
        let has_lost = before.iter().any(|endpoint| !after.contains(endpoint));
        if has_lost || !new.udp.contains_key(front) || (before.is_empty() && !after.is_empty()) {
            to.insert(*front, after);
        }
    }
    // A node port is known by its number only: with nobody left to compare with, flows of others
    // to that port of other machines would go too.
    to.retain(|(ip, _), answering| ip.is_some() || !answering.is_empty());
    for (front, after) in &new.udp {
        // A flow to an address that was nobody's when it began.
        if !old.udp.contains_key(front) && !after.is_empty() {
            to.insert(*front, after.clone());
        }
    }
}

/// Deletes the flows of the suspects that lead elsewhere. Answers how many.
pub(crate) fn clean(conntrack: &mut Conntrack, suspects: &Suspects) -> Result<usize, NetlinkError> {
    if suspects.is_empty() {
        return Ok(0);
    }
    let stale = conntrack.flows(|flow| is_stale(flow, suspects))?;
    for flow in &stale {
        conntrack.delete(flow)?;
    }
    Ok(stale.len())
}

fn is_stale(flow: &Flow, suspects: &Suspects) -> bool {
    let IpAddr::V4(ip) = flow.destination.ip() else {
        return false;
    };
    let port = flow.destination.port();
    let of_address = suspects.get(&(Some(ip), port));
    let allowed = of_address.or_else(|| suspects.get(&(None, port)));
    let answers = |endpoint: &SocketAddrV4| SocketAddr::from(*endpoint) == flow.answering;
    flow.protocol == UDP && allowed.is_some_and(|allowed| !allowed.iter().any(answers))
}

#[cfg(test)]
mod tests;
