//! Which endpoints of a service port a connection may go to. Pure.
//!
//! Ready endpoints count; only where there is none do those that still serve while they end. The
//! hints of the slices are kept to if every ready endpoint has one and one is meant for us. See
//! <https://kubernetes.io/docs/reference/networking/virtual-ips/>.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use k8s_openapi::api::discovery::v1::{Endpoint as ApiEndpoint, EndpointSlice};

use crate::service::{ServicePort, protocol_number};

/// Who we are, as far as it matters to the choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) node: String,
    /// The node's label `topology.kubernetes.io/zone`.
    pub(crate) zone: Option<String>,
    /// The address at which other nodes know this one.
    pub(crate) ip: Option<Ipv4Addr>,
}

/// What a port leads to. The lists are sorted and without repetition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// For the policy `Cluster`.
    pub(crate) cluster: Vec<SocketAddrV4>,
    /// For the policy `Local`.
    pub(crate) local: Vec<SocketAddrV4>,
    /// All endpoints in these lists that are on this node.
    pub(crate) here: Vec<SocketAddrV4>,
    /// Whatever still answers: flows that lead there may stay, though new ones go elsewhere.
    pub(crate) serving: Vec<SocketAddrV4>,
}

struct Endpoint<'a> {
    address: SocketAddrV4,
    is_ready: bool,
    is_serving: bool,
    /// It still serves while it ends.
    is_ending: bool,
    is_here: bool,
    of: &'a ApiEndpoint,
}

/// Chooses among all endpoints that the slices of the service name.
pub(crate) fn choose(port: &ServicePort, slices: &[Arc<EndpointSlice>], place: &Place) -> Choice {
    let all: Vec<Endpoint<'_>> = slices
        .iter()
        .filter(|slice| slice.address_type == "IPv4")
        .flat_map(|slice| of_slice(port, slice, place))
        .collect();
    let ready: Vec<&Endpoint<'_>> = all.iter().filter(|one| one.is_ready).collect();
    let near = nearest(&ready, place);
    let cluster = if ready.is_empty() {
        all.iter().filter(|one| one.is_ending).collect()
    } else {
        near
    };
    let is_ready_here = ready.iter().any(|one| one.is_here);
    let local: Vec<&Endpoint<'_>> = all
        .iter()
        .filter(|one| one.is_here)
        .filter(|one| {
            if is_ready_here {
                one.is_ready
            } else {
                one.is_ending
            }
        })
        .collect();
    let here = cluster.iter().chain(&local).filter(|one| one.is_here);
    let serving: Vec<&Endpoint<'_>> = all.iter().filter(|one| one.is_serving).collect();
    Choice {
        serving: addresses(serving.iter()),
        here: addresses(here),
        cluster: addresses(cluster.iter()),
        local: addresses(local.iter()),
    }
}

/// How many ready pods of the service are on this node.
pub(crate) fn ready_here(slices: &[Arc<EndpointSlice>], place: &Place) -> usize {
    let of_ipv4 = slices.iter().filter(|slice| slice.address_type == "IPv4");
    let endpoints = of_ipv4.flat_map(|slice| slice.endpoints.iter().flatten());
    let here = endpoints
        .filter(|one| one.node_name.as_deref() == Some(place.node.as_str()))
        .filter(|one| {
            let conditions = one.conditions.as_ref();
            conditions.and_then(|it| it.ready).unwrap_or(true)
        });
    let addresses: BTreeSet<_> = here.filter_map(|one| one.addresses.first()).collect();
    addresses.len()
}

fn addresses<'a>(of: impl Iterator<Item = &'a &'a Endpoint<'a>>) -> Vec<SocketAddrV4> {
    let mut addresses: Vec<SocketAddrV4> = of.map(|one| one.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn of_slice<'a>(port: &ServicePort, slice: &'a EndpointSlice, place: &Place) -> Vec<Endpoint<'a>> {
    let ports = slice.ports.iter().flatten();
    let number = ports
        .filter(|one| one.name.as_deref().unwrap_or_default() == port.name)
        .filter(|one| protocol_number(one.protocol.as_deref()) == Some(port.protocol))
        .find_map(|one| u16::try_from(one.port?).ok());
    let Some(number) = number else {
        return Vec::new();
    };
    let endpoints = slice.endpoints.iter().flatten();
    endpoints
        .filter_map(|endpoint| {
            let ip = endpoint.addresses.first()?.parse().ok()?;
            let conditions = endpoint.conditions.as_ref();
            let is = |of: fn(&_) -> Option<bool>| conditions.and_then(of);
            let is_ready = is(|conditions: &Conditions| conditions.ready).unwrap_or(true);
            let is_serving = is(|conditions| conditions.serving).unwrap_or(true);
            let is_terminating = is(|conditions| conditions.terminating).unwrap_or(false);
            Some(Endpoint {
                address: SocketAddrV4::new(ip, number),
                is_ready,
                is_serving,
                is_ending: is_serving && is_terminating,
                is_here: endpoint.node_name.as_deref() == Some(place.node.as_str()),
                of: endpoint,
            })
        })
        .collect()
}

type Conditions = k8s_openapi::api::discovery::v1::EndpointConditions;

/// The endpoints hinted for this node, else those for its zone, else all.
fn nearest<'a>(ready: &[&'a Endpoint<'a>], place: &Place) -> Vec<&'a Endpoint<'a>> {
    let by = |names: fn(&ApiEndpoint) -> Vec<&str>, own: &str| -> Option<Vec<&'a Endpoint<'a>>> {
        let is_hinted = ready.iter().all(|one| !names(one.of).is_empty());
        let near: Vec<_> = ready
            .iter()
            .filter(|one| names(one.of).contains(&own))
            .copied()
            .collect();
        (is_hinted && !near.is_empty()).then_some(near)
    };
    by(nodes, &place.node)
        .or_else(|| by(zones, place.zone.as_deref()?))
        .unwrap_or_else(|| ready.to_vec())
}

fn nodes(of: &ApiEndpoint) -> Vec<&str> {
    let hints = of.hints.as_ref().and_then(|hints| hints.for_nodes.as_ref());
    let names = hints.into_iter().flatten();
    names.map(|hint| hint.name.as_str()).collect()
}

fn zones(of: &ApiEndpoint) -> Vec<&str> {
    let hints = of.hints.as_ref().and_then(|hints| hints.for_zones.as_ref());
    let names = hints.into_iter().flatten();
    names.map(|hint| hint.name.as_str()).collect()
}

#[cfg(test)]
mod tests;
