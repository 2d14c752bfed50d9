//! A pod as an endpoint of a Service.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, ObjectReference, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::shared::pods;

/// Whether a change of a pod changes nothing about it as an endpoint.
pub(crate) fn is_same(old: &Pod, new: &Pod) -> bool {
    let facts = |pod: &Pod| {
        let spec = pod.spec.as_ref();
        let host = spec.map(|spec| {
            (
                spec.hostname.clone(),
                spec.subdomain.clone(),
                spec.node_name.clone(),
            )
        });
        (
            addresses(pod),
            pods::is_ready(pod),
            pods::is_finished(pod),
            host,
        )
    };
    let metadata = |pod: &Pod| {
        let meta = &pod.metadata;
        (
            meta.labels.clone(),
            meta.deletion_timestamp.is_some(),
            meta.uid.clone(),
        )
    };
    facts(old) == facts(new) && metadata(old) == metadata(new)
}

/// All addresses of a pod.
pub(crate) fn addresses(pod: &Pod) -> Vec<IpAddr> {
    let status = pod.status.as_ref();
    let all = status.and_then(|status| status.pod_ips.as_ref());
    let all: Vec<IpAddr> = all
        .into_iter()
        .flatten()
        .filter_map(|ip| ip.ip.parse().ok())
        .collect();
    if !all.is_empty() {
        return all;
    }
    let first = status.and_then(|status| status.pod_ip.as_ref());
    first.and_then(|ip| ip.parse().ok()).into_iter().collect()
}

/// The endpoint of a pod at one of its addresses.
pub(crate) fn endpoint(
    service: &Service,
    pod: &Pod,
    address: IpAddr,
    zone: impl Fn(&str) -> Option<String>,
) -> Endpoint {
    let spec = pod.spec.clone().unwrap_or_default();
    let publishes = service
        .spec
        .as_ref()
        .and_then(|spec| spec.publish_not_ready_addresses);
    let serving = pods::is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let named = spec.subdomain.is_some() && spec.subdomain == service.metadata.name;
    let node = spec.node_name.filter(|node| !node.is_empty());
    Endpoint {
        addresses: vec![address.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(publishes == Some(true) || (serving && !terminating)),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hostname: spec.hostname.filter(|name| named && !name.is_empty()),
        zone: node.as_deref().and_then(zone),
        node_name: node,
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        }),
        ..Endpoint::default()
    }
}

/// The Service's ports as this pod has them. A named port that it lacks is left out.
pub(crate) fn ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    let found = ports.into_iter().flatten().filter_map(|port| {
        Some(EndpointPort {
            name: Some(port.name.clone().unwrap_or_default()),
            port: Some(number(port, pod)?),
            protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".to_owned())),
            app_protocol: port.app_protocol.clone(),
        })
    });
    found.collect()
}

fn number(port: &ServicePort, pod: &Pod) -> Option<i32> {
    let name = match &port.target_port {
        None => return Some(port.port),
        Some(IntOrString::Int(0)) => return Some(port.port),
        Some(IntOrString::Int(number)) => return Some(*number),
        Some(IntOrString::String(name)) => name,
    };
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    let spec = pod.spec.as_ref()?;
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let containers = spec.containers.iter().chain(sidecars);
    let ports = containers.flat_map(|container: &Container| container.ports.iter().flatten());
    let mut named = ports.filter(|known| {
        known.name.as_ref() == Some(name) && known.protocol.as_deref().unwrap_or("TCP") == protocol
    });
    named.next().map(|known| known.container_port)
}
