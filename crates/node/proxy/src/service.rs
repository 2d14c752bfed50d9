//! What a Service asks of the proxy, port by port. Pure.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use crate::network;

/// The longest that a client may be bound to an endpoint, and the default: three hours.
const AFFINITY_DEFAULT_SECONDS: u32 = 10_800;

/// A port of a service with a cluster address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServicePort {
    /// The port's name, which endpoint slices use.
    pub(crate) name: String,
    pub(crate) cluster_ip: Ipv4Addr,
    /// The number of the protocol.
    pub(crate) protocol: u8,
    pub(crate) port: u16,
    pub(crate) node_port: Option<u16>,
    /// External addresses and those of load balancers.
    pub(crate) external_ips: Vec<Ipv4Addr>,
    /// Those of them that only clients from `sources` may use.
    pub(crate) guarded_ips: Vec<Ipv4Addr>,
    pub(crate) sources: Vec<(Ipv4Addr, u8)>,
    /// Clients within the cluster see only endpoints of their node.
    pub(crate) is_internal_local: bool,
    /// Clients from outside see only endpoints of the node they come to.
    pub(crate) is_external_local: bool,
    pub(crate) affinity_seconds: Option<u32>,
}

/// The ports of a service; none if it has no cluster address.
pub(crate) fn ports(service: &Service) -> Vec<ServicePort> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    if spec.type_.as_deref() == Some("ExternalName") {
        return Vec::new();
    }
    let several = spec.cluster_ips.iter().flatten();
    let Some(cluster_ip) = several
        .chain(&spec.cluster_ip)
        .find_map(|text| text.parse().ok())
    else {
        return Vec::new();
    };
    let (sources, balanced) = (sources(spec), balanced_ips(service));
    let external_ips = external_ips(spec, &balanced);
    let guarded_ips = if sources.is_empty() {
        Vec::new()
    } else {
        balanced
    };
    let is_local = |policy: &Option<String>| policy.as_deref() == Some("Local");
    let affinity_seconds = affinity_seconds(spec);
    let ports = spec.ports.iter().flatten();
    ports
        .filter_map(|port| {
            Some(ServicePort {
                name: port.name.clone().unwrap_or_default(),
                cluster_ip,
                protocol: protocol_number(port.protocol.as_deref())?,
                port: u16::try_from(port.port).ok()?,
                node_port: port
                    .node_port
                    .and_then(|port| u16::try_from(port).ok())
                    .filter(|port| *port != 0),
                external_ips: external_ips.clone(),
                guarded_ips: guarded_ips.clone(),
                sources: sources.clone(),
                is_internal_local: is_local(&spec.internal_traffic_policy),
                is_external_local: is_local(&spec.external_traffic_policy),
                affinity_seconds,
            })
        })
        .collect()
}

/// Where load balancers ask whether this node has endpoints of the service.
pub(crate) fn health_check_port(service: &Service) -> Option<u16> {
    let spec = service.spec.as_ref()?;
    let is_balanced = spec.type_.as_deref() == Some("LoadBalancer");
    let is_local = spec.external_traffic_policy.as_deref() == Some("Local");
    let port = spec.health_check_node_port.filter(|port| *port != 0)?;
    (is_balanced && is_local)
        .then(|| u16::try_from(port).ok())
        .flatten()
}

/// Addresses that load balancers lead here untranslated.
fn balanced_ips(service: &Service) -> Vec<Ipv4Addr> {
    let status = service.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer
        .and_then(|balancer| balancer.ingress.as_deref())
        .unwrap_or_default();
    ingress
        .iter()
        // A load balancer that is itself the end of connections is to be reached as such.
        .filter(|ingress| ingress.ip_mode.as_deref() != Some("Proxy"))
        .filter_map(|ingress| ingress.ip.as_ref()?.parse().ok())
        .collect()
}

fn external_ips(spec: &ServiceSpec, balanced: &[Ipv4Addr]) -> Vec<Ipv4Addr> {
    let own = spec.external_ips.iter().flatten();
    let own = own.filter_map(|text| text.parse().ok());
    let mut ips: Vec<Ipv4Addr> = own.chain(balanced.iter().copied()).collect();
    ips.sort_unstable();
    ips.dedup();
    ips
}

/// Networks of the clients that may use load balancers; empty if all may.
fn sources(spec: &ServiceSpec) -> Vec<(Ipv4Addr, u8)> {
    let texts = spec.load_balancer_source_ranges.iter().flatten();
    // Upstream's validation lets spaces pass.
    let networks: Vec<_> = texts
        .filter_map(|text| network::parse(text.trim()))
        .collect();
    if networks.iter().any(|(_, prefix)| *prefix == 0) {
        return Vec::new();
    }
    networks
}

fn affinity_seconds(spec: &ServiceSpec) -> Option<u32> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let config = spec.session_affinity_config.as_ref();
    let seconds = config
        .and_then(|config| config.client_ip.as_ref())
        .and_then(|client| client.timeout_seconds)
        .and_then(|seconds| u32::try_from(seconds).ok());
    Some(seconds.unwrap_or(AFFINITY_DEFAULT_SECONDS))
}

/// TCP is the default.
pub(crate) fn protocol_number(name: Option<&str>) -> Option<u8> {
    match name {
        None | Some("TCP" | "") => Some(6),
        Some("UDP") => Some(17),
        Some("SCTP") => Some(132),
        Some(_) => None,
    }
}
