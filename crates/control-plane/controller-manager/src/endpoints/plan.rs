//! Which addresses and ports an Endpoints object has to list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::endpoint_slice::{HEADLESS_LABEL, TRIGGER, endpoints};
use crate::shared::pods;
use crate::shared::selector::Labels;

/// Tells whose object it is.
pub(super) const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
pub(super) const MANAGER: &str = "endpoint-controller";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
/// Readers of so large an object should read slices instead.
const ADDRESSES_MAX: usize = 1000;

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) service: Arc<Service>,
    pub(super) pods: Vec<Arc<Pod>>,
    pub(super) current: Option<Arc<Endpoints>>,
}

#[derive(Debug)]
pub(super) enum Plan {
    Keep,
    Create(Endpoints),
    Update(Endpoints),
}

/// Decides; touches nothing.
pub(super) fn plan(observed: &Observed, now: Timestamp) -> Plan {
    let service = &observed.service;
    let mut subsets = subsets(service, &observed.pods);
    let is_truncated = truncate(&mut subsets);
    let labels = labels(service);
    let annotation = |metadata: &ObjectMeta, key: &str| {
        metadata
            .annotations
            .as_ref()
            .is_some_and(|all| all.contains_key(key))
    };
    let mut wanted = match &observed.current {
        Some(current) => {
            let known = current.subsets.as_deref().unwrap_or_default();
            let is_right = facts(known) == facts(&subsets)
                && current.metadata.labels.as_ref() == Some(&labels)
                && annotation(&current.metadata, OVER_CAPACITY) == is_truncated;
            if is_right {
                return Plan::Keep;
            }
            Endpoints::clone(current)
        }
        None => Endpoints {
            metadata: ObjectMeta {
                namespace: service.metadata.namespace.clone(),
                name: service.metadata.name.clone(),
                ..ObjectMeta::default()
            },
            subsets: None,
        },
    };
    wanted.metadata.labels = Some(labels);
    let annotations = wanted.metadata.annotations.get_or_insert_default();
    annotations.insert(TRIGGER.to_owned(), styr_meta::time::format(now));
    if is_truncated {
        annotations.insert(OVER_CAPACITY.to_owned(), "truncated".to_owned());
    } else {
        annotations.remove(OVER_CAPACITY);
    }
    wanted.subsets = Some(subsets).filter(|subsets| !subsets.is_empty());
    match observed.current {
        Some(_) => Plan::Update(wanted),
        None => Plan::Create(wanted),
    }
}

/// Address and uid of what is behind it: hosts that share an address stay apart.
type Place = (String, String);
/// Name, number, protocol, application protocol.
type Port = (Option<String>, i32, Option<String>, Option<String>);

/// Addresses with the same ports are listed together, each once, in a stable order.
fn subsets(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSubset> {
    let spec = service.spec.clone().unwrap_or_default();
    let publishes = spec.publish_not_ready_addresses == Some(true);
    let is_headless = spec.cluster_ip.as_deref() == Some("None");
    let has_no_ports = spec.ports.as_ref().is_none_or(Vec::is_empty);
    let mut addresses: BTreeMap<Place, EndpointAddress> = BTreeMap::new();
    let mut places: BTreeMap<Option<Port>, BTreeMap<Place, bool>> = BTreeMap::new();
    for pod in pods {
        if pods::is_finished(pod) || (pod.metadata.deletion_timestamp.is_some() && !publishes) {
            continue;
        }
        let Some(address) = address(service, pod) else {
            continue;
        };
        let place = place(&address);
        let ready = publishes || pods::is_ready(pod);
        let ports: Vec<Option<Port>> = if has_no_ports && is_headless {
            vec![None]
        } else {
            let ports = endpoints::ports(service, pod).into_iter();
            let port = |port: k8s_openapi::api::discovery::v1::EndpointPort| {
                let name = port.name.filter(|name| !name.is_empty());
                (
                    name,
                    port.port.unwrap_or(0),
                    port.protocol,
                    port.app_protocol,
                )
            };
            ports.map(|found| Some(port(found))).collect()
        };
        for port in ports {
            // One that is not ready wins over a ready one of the same name and place.
            let known = places
                .entry(port)
                .or_default()
                .entry(place.clone())
                .or_insert(ready);
            *known = *known && ready;
        }
        addresses.entry(place).or_insert(address);
    }
    let mut groups: BTreeMap<BTreeMap<Place, bool>, Vec<EndpointPort>> = BTreeMap::new();
    for (port, places) in places {
        groups
            .entry(places)
            .or_default()
            .extend(port.map(wire_port));
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

fn wire_port((name, port, protocol, app_protocol): Port) -> EndpointPort {
    EndpointPort {
        name,
        port,
        protocol,
        app_protocol,
    }
}

/// A pod's address of the Service's first family.
fn address(service: &Service, pod: &Pod) -> Option<EndpointAddress> {
    let spec = service.spec.as_ref()?;
    let family = spec
        .ip_families
        .as_ref()
        .and_then(|families| families.first());
    let wants_ipv6 = family.is_some_and(|family| family == "IPv6");
    let mut all = endpoints::addresses(pod).into_iter();
    let address = all.find(|address| address.is_ipv6() == wants_ipv6)?;
    let endpoint = endpoints::endpoint(service, pod, address, |_| None);
    Some(EndpointAddress {
        ip: address.to_string(),
        hostname: endpoint.hostname,
        node_name: endpoint.node_name,
        target_ref: endpoint.target_ref,
    })
}

fn place(address: &EndpointAddress) -> Place {
    let target = address.target_ref.as_ref();
    let uid = target.and_then(|target| target.uid.clone());
    (address.ip.clone(), uid.unwrap_or_default())
}

type Fact = (Option<Port>, Place, [Option<String>; 2], bool);

/// What subsets say, however they are grouped and ordered.
fn facts(subsets: &[EndpointSubset]) -> BTreeSet<Fact> {
    let mut facts = BTreeSet::new();
    for subset in subsets {
        let ports = subset.ports.iter().flatten().map(|port| {
            let EndpointPort {
                name,
                port,
                protocol,
                app_protocol,
            } = port.clone();
            Some((name, port, protocol, app_protocol))
        });
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
            let names = [address.hostname.clone(), address.node_name.clone()];
            for port in &ports {
                facts.insert((port.clone(), place(address), names.clone(), is_ready));
            }
        }
    }
    facts
}

/// Keeps what fits, ready addresses first, evenly of all subsets; answers whether any had to go.
fn truncate(subsets: &mut [EndpointSubset]) -> bool {
    let count = |of: &Option<Vec<EndpointAddress>>| of.as_ref().map_or(0, Vec::len);
    let ready: usize = subsets.iter().map(|subset| count(&subset.addresses)).sum();
    let others: usize = subsets.iter().map(|s| count(&s.not_ready_addresses)).sum();
    if ready + others <= ADDRESSES_MAX {
        return false;
    }
    let (total, room) = if ready > ADDRESSES_MAX {
        (ready, ADDRESSES_MAX)
    } else {
        (others, ADDRESSES_MAX - ready)
    };
    let mut left = room;
    for subset in subsets {
        let cut = if ready > ADDRESSES_MAX {
            subset.not_ready_addresses = None;
            &mut subset.addresses
        } else {
            &mut subset.not_ready_addresses
        };
        let Some(cut) = cut else { continue };
        let share = (cut.len() * room).div_ceil(total).min(left);
        cut.truncate(share);
        left -= cut.len();
    }
    true
}

/// The Service's labels, and what tells whose object it is.
fn labels(service: &Service) -> Labels {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    let cluster_ip = service
        .spec
        .as_ref()
        .and_then(|spec| spec.cluster_ip.as_deref());
    if cluster_ip.is_none_or(|ip| ip.is_empty() || ip == "None") {
        labels.insert(HEADLESS_LABEL.to_owned(), String::new());
    } else {
        labels.remove(HEADLESS_LABEL);
    }
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

#[cfg(test)]
mod tests;
