//! Which slices to write so that all endpoints are listed, with as few writes as possible.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{HEADLESS_LABEL, MANAGER, MANAGER_LABEL, SERVICE_LABEL, TRIGGER, endpoints};
use crate::shared::ownership;
use crate::shared::selector::Labels;

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) service: Arc<Service>,
    pub(super) pods: Vec<Arc<Pod>>,
    pub(super) slices: Vec<Arc<EndpointSlice>>,
    pub(super) per_slice_max: usize,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: Vec<EndpointSlice>,
    pub(super) update: Vec<EndpointSlice>,
    pub(super) delete: Vec<Arc<EndpointSlice>>,
}

/// Address family and ports, in a form that can be compared.
pub(crate) type Group = (&'static str, Vec<(String, i32, String, String)>);

pub(crate) fn group(family: &'static str, ports: &[EndpointPort]) -> Group {
    let mut facts: Vec<_> = ports
        .iter()
        .map(|port| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            (
                text(&port.name),
                port.port.unwrap_or(0),
                text(&port.protocol),
                text(&port.app_protocol),
            )
        })
        .collect();
    facts.sort();
    (family, facts)
}

/// Decides; touches nothing.
pub(super) fn plan(
    observed: &Observed,
    zone: impl Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Plan {
    let mut wanted: BTreeMap<Group, (Vec<EndpointPort>, Vec<Endpoint>)> = BTreeMap::new();
    let families = families(&observed.service);
    for pod in &observed.pods {
        let ports = endpoints::ports(&observed.service, pod);
        for address in endpoints::addresses(pod) {
            let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            // One endpoint for each family that the Service has.
            let is_first = endpoints::addresses(pod)
                .iter()
                .find(|other: &&IpAddr| other.is_ipv4() == address.is_ipv4())
                == Some(&address);
            if families.contains(&family) && is_first {
                let endpoint = endpoints::endpoint(&observed.service, pod, address, &zone);
                let entry = wanted.entry(group(family, &ports));
                entry
                    .or_insert_with(|| (ports.clone(), Vec::new()))
                    .1
                    .push(endpoint);
            }
        }
    }
    let mut plan = Plan::default();
    let mut left: Vec<Arc<EndpointSlice>> = observed.slices.clone();
    for ((family, facts), (ports, endpoints)) in wanted {
        let (mine, others) = left.into_iter().partition(|slice| {
            let known = slice.ports.as_deref().unwrap_or_default();
            slice.address_type == family && group(family, known) == (family, facts.clone())
        });
        left = others;
        let builder = Builder {
            observed,
            family,
            ports,
            now,
        };
        builder.arrange(mine, endpoints, &mut plan);
    }
    // A family without endpoints keeps one empty slice, so that readers see that it is known.
    for family in families {
        let is_listed = plan
            .create
            .iter()
            .chain(&plan.update)
            .any(|s| s.address_type == family);
        let (of_family, others): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|slice| slice.address_type == family);
        left = others;
        let is_kept = observed.slices.iter().any(|slice| {
            let is_leaving = of_family.iter().any(|leaving| Arc::ptr_eq(leaving, slice));
            slice.address_type == family && !is_leaving
        });
        let mut of_family = of_family.into_iter();
        if !is_listed && !is_kept {
            let builder = Builder {
                observed,
                family,
                ports: Vec::new(),
                now,
            };
            builder.placeholder(of_family.next(), &mut plan);
        }
        plan.delete.extend(of_family);
    }
    plan.delete.extend(left);
    plan
}

fn families(service: &Service) -> Vec<&'static str> {
    let spec = service.spec.as_ref();
    let given = spec
        .and_then(|spec| spec.ip_families.as_ref())
        .filter(|f| !f.is_empty());
    match given {
        Some(given) => given
            .iter()
            .map(|f| if f == "IPv6" { "IPv6" } else { "IPv4" })
            .collect(),
        None => vec!["IPv4"],
    }
}

struct Builder<'a> {
    observed: &'a Observed,
    family: &'static str,
    ports: Vec<EndpointPort>,
    now: Timestamp,
}

impl Builder<'_> {
    /// Keeps endpoints where they are, fills gaps with new ones, then makes new slices.
    fn arrange(&self, slices: Vec<Arc<EndpointSlice>>, wanted: Vec<Endpoint>, plan: &mut Plan) {
        let mut missing: BTreeMap<(String, String), Endpoint> = wanted
            .into_iter()
            .map(|endpoint| (identity(&endpoint), endpoint))
            .collect();
        let mut kept = Vec::new();
        for slice in slices {
            let known = slice.endpoints.clone().unwrap_or_default();
            let current: Vec<Endpoint> = known
                .iter()
                .filter_map(|endpoint| missing.remove(&identity(endpoint)))
                .collect();
            kept.push((slice, current));
        }
        // Slices that are written anyway first; then the fullest, so that few are written.
        kept.sort_by_key(|(slice, current)| {
            let is_same = slice.endpoints.as_ref() == Some(current);
            (is_same, std::cmp::Reverse(current.len()))
        });
        let mut missing = missing.into_values();
        for (slice, mut current) in kept {
            let room = self.observed.per_slice_max.saturating_sub(current.len());
            current.extend(missing.by_ref().take(room));
            if current.is_empty() {
                plan.delete.push(slice);
                continue;
            }
            self.write(Some(slice), current, plan);
        }
        loop {
            let next: Vec<Endpoint> = missing.by_ref().take(self.observed.per_slice_max).collect();
            if next.is_empty() {
                return;
            }
            self.write(None, next, plan);
        }
    }

    fn placeholder(&self, slice: Option<Arc<EndpointSlice>>, plan: &mut Plan) {
        self.write(slice, Vec::new(), plan);
    }

    fn write(&self, slice: Option<Arc<EndpointSlice>>, endpoints: Vec<Endpoint>, plan: &mut Plan) {
        let service = &self.observed.service;
        let endpoints = Some(endpoints).filter(|endpoints| !endpoints.is_empty());
        let ports = Some(self.ports.clone()).filter(|ports| !ports.is_empty());
        let Some(slice) = slice else {
            let name = service.metadata.name.as_deref().unwrap_or_default();
            let trigger = (TRIGGER.to_owned(), styr_meta::time::format(self.now));
            plan.create.push(EndpointSlice {
                metadata: ObjectMeta {
                    generate_name: Some(format!("{name}-")),
                    namespace: service.metadata.namespace.clone(),
                    labels: Some(labels(service)),
                    annotations: Some([trigger].into()),
                    owner_references: Some(vec![ownership::reference(&**service)]),
                    ..ObjectMeta::default()
                },
                address_type: self.family.to_owned(),
                endpoints,
                ports,
            });
            return;
        };
        let labels = labels(service);
        let same_content = slice.endpoints.clone().filter(|e| !e.is_empty()) == endpoints
            && slice.ports.clone().filter(|p| !p.is_empty()) == ports;
        if same_content && slice.metadata.labels.as_ref() == Some(&labels) {
            return;
        }
        let mut changed = EndpointSlice::clone(&slice);
        changed.metadata.labels = Some(labels);
        if !same_content {
            let annotations = changed.metadata.annotations.get_or_insert_default();
            annotations.insert(TRIGGER.to_owned(), styr_meta::time::format(self.now));
        }
        changed.endpoints = endpoints;
        changed.ports = ports;
        plan.update.push(changed);
    }
}

/// What makes two entries the same endpoint.
fn identity(endpoint: &Endpoint) -> (String, String) {
    let uid = endpoint
        .target_ref
        .as_ref()
        .and_then(|target| target.uid.clone());
    (
        uid.unwrap_or_default(),
        endpoint.addresses.first().cloned().unwrap_or_default(),
    )
}

/// The Service's labels, and what tells whose slice it is.
fn labels(service: &Service) -> Labels {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS_LABEL);
    let cluster_ip = service
        .spec
        .as_ref()
        .and_then(|spec| spec.cluster_ip.as_deref());
    if cluster_ip.is_none_or(|ip| ip.is_empty() || ip == "None") {
        labels.insert(HEADLESS_LABEL.to_owned(), String::new());
    }
    let name = service.metadata.name.clone().unwrap_or_default();
    labels.insert(SERVICE_LABEL.to_owned(), name);
    labels.insert(MANAGER_LABEL.to_owned(), MANAGER.to_owned());
    labels
}

#[cfg(test)]
mod tests;
