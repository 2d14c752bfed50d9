//! Which slices copy an Endpoints object: one for each set of ports and family of addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::endpoint_slice::plan::{Group, group};
use crate::endpoint_slice::{MANAGER_LABEL, SERVICE_LABEL, TRIGGER};
use crate::endpoints::subsets::{offers, pack};
use crate::shared::ownership;

pub(super) const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: Vec<EndpointSlice>,
    pub(super) update: Vec<EndpointSlice>,
    pub(super) delete: Vec<Arc<EndpointSlice>>,
}

type Wanted = BTreeMap<Group, (Vec<EndpointPort>, Vec<Endpoint>)>;

/// Decides; touches nothing. Answers also how many addresses were too many.
pub(super) fn plan(
    endpoints: &Endpoints,
    slices: &[Arc<EndpointSlice>],
    addresses_max: usize,
) -> (Plan, usize) {
    let (wanted, skipped) = wanted(endpoints, addresses_max);
    let mut plan = Plan::default();
    let mut missing = Vec::new();
    let mut left = slices.to_vec();
    for (key, (ports, listed)) in wanted {
        let is_mine = |slice: &Arc<EndpointSlice>| {
            group(key.0, slice.ports.as_deref().unwrap_or_default()) == key
                && slice.address_type == key.0
        };
        let slice = copy(endpoints, key.0, (ports, listed));
        match left.iter().position(is_mine) {
            Some(at) => write(&left.remove(at), slice, &mut plan),
            None => missing.push(slice),
        }
    }
    // Slices that are no longer wanted as they are become those that are missing.
    for slice in missing {
        let same_family = |old: &Arc<EndpointSlice>| old.address_type == slice.address_type;
        match left.iter().position(same_family) {
            Some(at) => write(&left.remove(at), slice, &mut plan),
            None if endpoints.metadata.deletion_timestamp.is_none() => plan.create.push(slice),
            None => {}
        }
    }
    plan.delete = left;
    (plan, skipped)
}

fn wanted(endpoints: &Endpoints, addresses_max: usize) -> (Wanted, usize) {
    let mut wanted = Wanted::new();
    let mut skipped = 0;
    for subset in pack(offers(endpoints.subsets.as_deref().unwrap_or_default())) {
        let ports = ports(&subset);
        let ready = subset
            .addresses
            .iter()
            .flatten()
            .map(|address| (address, true));
        let others = subset.not_ready_addresses.iter().flatten();
        let all = ready.chain(others.map(|address| (address, false)));
        let all: Vec<_> = all
            .filter_map(|(address, is_ready)| endpoint(address, is_ready))
            .collect();
        skipped += all.len().saturating_sub(addresses_max);
        for (family, endpoint) in all.into_iter().take(addresses_max) {
            let entry = wanted.entry(group(family, &ports));
            entry
                .or_insert_with(|| (ports.clone(), Vec::new()))
                .1
                .push(endpoint);
        }
    }
    for (_, listed) in wanted.values_mut() {
        listed.sort_by(|a, b| a.addresses.cmp(&b.addresses));
    }
    (wanted, skipped)
}

fn ports(subset: &EndpointSubset) -> Vec<EndpointPort> {
    let ports = subset.ports.iter().flatten().map(|port| EndpointPort {
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: port.protocol.clone(),
        app_protocol: port.app_protocol.clone(),
    });
    ports.collect()
}

/// Family and entry of an address; what is no IP address is not copied.
fn endpoint(address: &EndpointAddress, is_ready: bool) -> Option<(&'static str, Endpoint)> {
    let ip: IpAddr = address.ip.parse().ok()?;
    let endpoint = Endpoint {
        addresses: vec![ip.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(is_ready),
            ..EndpointConditions::default()
        }),
        hostname: address.hostname.clone().filter(|name| !name.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    };
    Some((if ip.is_ipv4() { "IPv4" } else { "IPv6" }, endpoint))
}

fn copy(
    endpoints: &Endpoints,
    family: &str,
    (ports, listed): (Vec<EndpointPort>, Vec<Endpoint>),
) -> EndpointSlice {
    let metadata = &endpoints.metadata;
    let name = metadata.name.clone().unwrap_or_default();
    let mut labels = metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_LABEL.to_owned(), name.clone());
    labels.insert(MANAGER_LABEL.to_owned(), MANAGER.to_owned());
    let mut annotations = metadata.annotations.clone().unwrap_or_default();
    annotations.remove(TRIGGER);
    annotations.remove(LAST_APPLIED);
    EndpointSlice {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            namespace: metadata.namespace.clone(),
            labels: Some(labels),
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            owner_references: Some(vec![ownership::reference(endpoints)]),
            ..ObjectMeta::default()
        },
        address_type: family.to_owned(),
        endpoints: Some(listed),
        ports: Some(ports).filter(|ports| !ports.is_empty()),
    }
}

/// Makes `old` say what `new` says, if it does not.
fn write(old: &EndpointSlice, new: EndpointSlice, plan: &mut Plan) {
    let wanted = EndpointSlice {
        metadata: ObjectMeta {
            labels: new.metadata.labels,
            annotations: new.metadata.annotations,
            owner_references: new.metadata.owner_references,
            ..old.metadata.clone()
        },
        ..new
    };
    if *old != wanted {
        plan.update.push(wanted);
    }
}

#[cfg(test)]
mod tests;
