//! Subsets of Endpoints in the one form in which they can be compared.
//!
//! What a set of subsets says is a list of offers: a port, an address, and whether it is ready.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset};

/// Address and uid of what is behind it: hosts that share an address stay apart.
type Place = (String, String);
/// Name, number, protocol, application protocol.
pub(crate) type Port = (Option<String>, i32, Option<String>, Option<String>);

/// A port at an address; none where only addresses are listed.
pub(crate) struct Offer {
    pub(crate) port: Option<Port>,
    pub(crate) address: EndpointAddress,
    pub(crate) is_ready: bool,
}

/// What subsets say, however they are grouped and ordered.
pub(crate) fn offers(subsets: &[EndpointSubset]) -> Vec<Offer> {
    let mut offers = Vec::new();
    for subset in subsets {
        let ports = subset
            .ports
            .iter()
            .flatten()
            .map(|port| Some(of_wire(port)));
        let mut ports: Vec<Option<Port>> = ports.collect();
        if ports.is_empty() {
            ports.push(None);
        }
        let ready = subset
            .addresses
            .iter()
            .flatten()
            .map(|address| (address, true));
        let others = subset.not_ready_addresses.iter().flatten();
        for (address, is_ready) in ready.chain(others.map(|address| (address, false))) {
            offers.extend(ports.iter().map(|port| Offer {
                port: port.clone(),
                address: address.clone(),
                is_ready,
            }));
        }
    }
    offers
}

/// Addresses with the same ports are listed together, each once, in a stable order.
pub(crate) fn pack(offers: Vec<Offer>) -> Vec<EndpointSubset> {
    let mut addresses: BTreeMap<Place, EndpointAddress> = BTreeMap::new();
    let mut places: BTreeMap<Option<Port>, BTreeMap<Place, bool>> = BTreeMap::new();
    for offer in offers {
        let place = place(&offer.address);
        let known = places.entry(offer.port).or_default();
        // What is not ready wins over what is at the same place.
        let known = known.entry(place.clone()).or_insert(offer.is_ready);
        *known = *known && offer.is_ready;
        addresses.entry(place).or_insert(offer.address);
    }
    let mut groups: BTreeMap<BTreeMap<Place, bool>, Vec<EndpointPort>> = BTreeMap::new();
    for (port, places) in places {
        groups.entry(places).or_default().extend(port.map(to_wire));
    }
    let subset = |(places, ports): (BTreeMap<Place, bool>, Vec<EndpointPort>)| {
        let listed = |wanted: bool| {
            let of = places.iter().filter(|(_, ready)| **ready == wanted);
            let of: Vec<_> = of.map(|(place, _)| addresses[place].clone()).collect();
            Some(of).filter(|of| !of.is_empty())
        };
        EndpointSubset {
            addresses: listed(true),
            not_ready_addresses: listed(false),
            ports: Some(ports).filter(|ports| !ports.is_empty()),
        }
    };
    groups.into_iter().map(subset).collect()
}

/// Whether two sets of subsets say the same.
pub(crate) fn is_same(left: &[EndpointSubset], right: &[EndpointSubset]) -> bool {
    facts(left) == facts(right)
}

type Fact = (Option<Port>, Place, [Option<String>; 2], bool);

fn facts(subsets: &[EndpointSubset]) -> BTreeSet<Fact> {
    let fact = |offer: Offer| {
        let place = place(&offer.address);
        let names = [offer.address.hostname, offer.address.node_name];
        (offer.port, place, names, offer.is_ready)
    };
    offers(subsets).into_iter().map(fact).collect()
}

fn place(address: &EndpointAddress) -> Place {
    let target = address.target_ref.as_ref();
    let uid = target.and_then(|target| target.uid.clone());
    (address.ip.clone(), uid.unwrap_or_default())
}

fn of_wire(port: &EndpointPort) -> Port {
    let EndpointPort {
        name,
        port,
        protocol,
        app_protocol,
    } = port.clone();
    (name, port, protocol, app_protocol)
}

fn to_wire((name, port, protocol, app_protocol): Port) -> EndpointPort {
    EndpointPort {
        name,
        port,
        protocol,
        app_protocol,
    }
}
