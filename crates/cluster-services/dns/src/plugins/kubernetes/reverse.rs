//! Names of addresses: `4.3.2.1.in-addr.arpa` and `....ip6.arpa`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::lookup::{host_name, name_of};
use super::options::Options;
use super::view::{View, service_of as service_of_slice};
use crate::wire::Name;

const IPV4: &str = "in-addr.arpa";
const IPV6: &str = "ip6.arpa";

fn below(name: &Name, zone: &str) -> Option<Vec<String>> {
    let zone: Name = zone.parse().expect("a constant");
    let labels = name.below(&zone)?;
    Some(labels.into_iter().map(str::to_owned).collect())
}

/// Whether names in the zone are addresses.
pub(super) fn is_zone(zone: &Name) -> bool {
    below(zone, IPV4).or_else(|| below(zone, IPV6)).is_some()
}

/// The address that a name spells in full.
pub(super) fn address(name: &Name) -> Option<IpAddr> {
    if let Some(labels) = below(name, IPV4) {
        let octets: Option<Vec<u8>> = labels
            .iter()
            .rev()
            .map(|label| label.parse().ok())
            .collect();
        let octets: [u8; 4] = octets?.try_into().ok()?;
        return Some(Ipv4Addr::from(octets).into());
    }
    let labels = below(name, IPV6)?;
    let digits: Option<Vec<u8>> = labels
        .iter()
        .rev()
        .map(|label| {
            u8::from_str_radix(label, 16)
                .ok()
                .filter(|_| label.len() == 1)
        })
        .collect();
    let digits: [u8; 32] = digits?.try_into().ok()?;
    let mut octets = [0; 16];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = pair[0] << 4 | pair[1];
    }
    Some(Ipv6Addr::from(octets).into())
}

/// The names of a service's address, or of an endpoint in all its services.
pub(super) fn names(view: &dyn View, options: &Options, ip: IpAddr) -> Vec<Name> {
    let forward = options.zones.iter().find(|zone| !is_zone(zone));
    let Some(zone) = forward else {
        return Vec::new();
    };
    let services = view.services_at(ip);
    let mut names: Vec<Name> = services
        .iter()
        .filter_map(|service| name_of(service, zone))
        .collect();
    if names.is_empty() {
        let text = ip.to_string();
        for slice in view.slices_at(ip) {
            let Some((namespace, service)) = service_of_slice(&slice) else {
                continue;
            };
            let endpoints = slice.endpoints.iter().flatten();
            let own = endpoints.filter(|endpoint| endpoint.addresses.contains(&text));
            names.extend(own.filter_map(|endpoint| {
                let host = host_name(endpoint, &text, options);
                zone.child(&[&host, service, namespace, "svc"])
            }));
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The namespace and name of a service that has an endpoint at this address.
pub(super) fn service_of(view: &dyn View, ip: IpAddr) -> Option<(String, String)> {
    let slices = view.slices_at(ip);
    let (namespace, name) = slices.iter().find_map(|slice| service_of_slice(slice))?;
    Some((namespace.to_owned(), name.to_owned()))
}
