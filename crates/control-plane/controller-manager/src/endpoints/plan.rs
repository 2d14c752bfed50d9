//! Which addresses and ports an Endpoints object has to list.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::subsets::{Offer, Port, is_same, pack};
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
            let is_right = is_same(known, &subsets)
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

fn subsets(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSubset> {
    let spec = service.spec.clone().unwrap_or_default();
    let publishes = spec.publish_not_ready_addresses == Some(true);
    let is_headless = spec.cluster_ip.as_deref() == Some("None");
    let has_no_ports = spec.ports.as_ref().is_none_or(Vec::is_empty);
    let mut offers = Vec::new();
    for pod in pods {
        if pods::is_finished(pod) || (pod.metadata.deletion_timestamp.is_some() && !publishes) {
            continue;
        }
        let Some(address) = address(service, pod) else {
            continue;
        };
        let ports = if has_no_ports && is_headless {
            vec![None]
        } else {
            ports(service, pod).map(Some).collect()
        };
        offers.extend(ports.into_iter().map(|port| Offer {
            port,
            address: address.clone(),
            is_ready: publishes || pods::is_ready(pod),
        }));
    }
    pack(offers)
}

fn ports(service: &Service, pod: &Pod) -> impl Iterator<Item = Port> {
    endpoints::ports(service, pod).into_iter().map(|port| {
        let name = port.name.filter(|name| !name.is_empty());
        (
            name,
            port.port.unwrap_or(0),
            port.protocol,
            port.app_protocol,
        )
    })
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
