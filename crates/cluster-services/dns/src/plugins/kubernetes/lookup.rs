//! What a name in a cluster zone stands for. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};

use super::options::{Options, Pods};
use super::view::View;
use crate::wire::Name;

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no such name.
    Nothing,
    /// The name is there, but only as the end of others.
    Name,
    /// The pod with this address.
    Pod(IpAddr),
    Targets(Vec<Target>),
    /// Another name, of an ExternalName service.
    Alias(Name),
}

/// Where a service can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) ip: IpAddr,
    /// 0 if the service has no ports.
    pub(super) port: u16,
    /// The name of the service, or of the endpoint in it.
    pub(super) name: Name,
}

/// Which ports and endpoints of a service are asked for; `None` means all.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    endpoint: Option<&'a str>,
    /// Port and protocol.
    port: Option<(&'a str, &'a str)>,
}

/// Looks up the labels before the zone.
pub(super) fn find(view: &dyn View, options: &Options, labels: &[&str], zone: &Name) -> Found {
    let exists = |namespace: &str| {
        let is_served =
            options.namespaces.is_empty() || options.namespaces.iter().any(|one| one == namespace);
        is_served && view.has_namespace(namespace)
    };
    match labels {
        ["svc" | "pod"] => Found::Name,
        [namespace, "svc" | "pod"] if exists(namespace) => Found::Name,
        [pod, namespace, "pod"] if options.pods == Pods::Insecure && exists(namespace) => {
            pod_address(pod).map_or(Found::Nothing, Found::Pod)
        }
        [before @ .., service, namespace, "svc"] if exists(namespace) => {
            let wanted = match before {
                [] => Wanted {
                    endpoint: None,
                    port: None,
                },
                [endpoint] => Wanted {
                    endpoint: Some(endpoint),
                    port: None,
                },
                [port, protocol] => Wanted {
                    endpoint: None,
                    port: Some((without_underscore(port), without_underscore(protocol))),
                },
                _ => return Found::Nothing,
            };
            match view.service(namespace, service) {
                Some(service) => find_service(view, options, &service, wanted, zone),
                None => Found::Nothing,
            }
        }
        _ => Found::Nothing,
    }
}

fn without_underscore(label: &str) -> &str {
    label.strip_prefix('_').unwrap_or(label)
}

/// `10-244-1-2`, or an IPv6 address with dashes for colons.
fn pod_address(label: &str) -> Option<IpAddr> {
    const DASHES_OF_IPV4: usize = 3;
    if label.matches('-').count() == DASHES_OF_IPV4 && !label.contains("--") {
        let ip: Ipv4Addr = label.replace('-', ".").parse().ok()?;
        return Some(ip.into());
    }
    let ip: Ipv6Addr = label.replace('-', ":").parse().ok()?;
    Some(ip.into())
}

fn find_service(
    view: &dyn View,
    options: &Options,
    service: &Service,
    wanted: Wanted<'_>,
    zone: &Name,
) -> Found {
    let (Some(spec), Some(own)) = (&service.spec, name_of(service, zone)) else {
        return Found::Nothing;
    };
    if spec.type_.as_deref() == Some("ExternalName") {
        let target = spec.external_name.as_deref().unwrap_or_default();
        // Upstream takes an address for no name at all.
        let is_name = !target.is_empty() && target.parse::<IpAddr>().is_err();
        let is_plain = is_name && wanted.endpoint.is_none() && wanted.port.is_none();
        return match target.parse() {
            Ok(name) if is_plain => Found::Alias(name),
            _ => Found::Nothing,
        };
    }
    let (namespace, name) = key_of(service);
    let ips = cluster_ips(service);
    if ips.is_empty() || wanted.endpoint.is_some() {
        let slices = view.slices(namespace, name);
        let targets: Vec<Target> = slices
            .iter()
            .flat_map(|slice| targets(slice, options, wanted, &own))
            .collect();
        return found(targets);
    }
    if options.ignores_empty && !has_endpoint(view, namespace, name) {
        return Found::Nothing;
    }
    let ports = spec.ports.iter().flatten();
    let ports =
        ports.filter(|port| is_wanted(wanted, port.name.as_deref(), port.protocol.as_deref()));
    let targets = ports.flat_map(|port| {
        ips.iter().map(|ip| Target {
            ip: *ip,
            port: u16::try_from(port.port).unwrap_or(0),
            name: own.clone(),
        })
    });
    found(targets.collect())
}

fn found(targets: Vec<Target>) -> Found {
    if targets.is_empty() {
        Found::Nothing
    } else {
        Found::Targets(targets)
    }
}

fn has_endpoint(view: &dyn View, namespace: &str, name: &str) -> bool {
    let slices = view.slices(namespace, name);
    let mut endpoints = slices
        .iter()
        .flat_map(|slice| slice.endpoints.iter().flatten());
    endpoints.any(is_ready)
}

fn is_wanted(wanted: Wanted<'_>, name: Option<&str>, protocol: Option<&str>) -> bool {
    let Some((port, transport)) = wanted.port else {
        return true;
    };
    let protocol = protocol.unwrap_or("TCP");
    name.unwrap_or_default().eq_ignore_ascii_case(port) && protocol.eq_ignore_ascii_case(transport)
}

fn is_ready(endpoint: &Endpoint) -> bool {
    let conditions = endpoint.conditions.as_ref();
    conditions
        .and_then(|conditions| conditions.ready)
        .unwrap_or(true)
}

fn targets(
    slice: &EndpointSlice,
    options: &Options,
    wanted: Wanted<'_>,
    service: &Name,
) -> Vec<Target> {
    let given: Vec<&EndpointPort> = slice.ports.iter().flatten().collect();
    let ports: Vec<u16> = if given.is_empty() && wanted.port.is_none() {
        // A service without ports still has addresses.
        vec![0]
    } else {
        let wanted = given
            .iter()
            .filter(|port| is_wanted(wanted, port.name.as_deref(), port.protocol.as_deref()));
        wanted
            .map(|port| {
                port.port
                    .and_then(|port| u16::try_from(port).ok())
                    .unwrap_or(0)
            })
            .collect()
    };
    let mut targets = Vec::new();
    let endpoints = slice.endpoints.iter().flatten();
    for endpoint in endpoints.filter(|endpoint| is_ready(endpoint)) {
        for text in &endpoint.addresses {
            let host = host_name(endpoint, text, options);
            if wanted
                .endpoint
                .is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&host))
            {
                continue;
            }
            let (Ok(ip), Some(name)) = (text.parse(), service.child(&[&host])) else {
                continue;
            };
            targets.extend(ports.iter().map(|port| Target {
                ip,
                port: *port,
                name: name.clone(),
            }));
        }
    }
    targets
}

/// How an endpoint is called within its service.
pub(super) fn host_name(endpoint: &Endpoint, address: &str, options: &Options) -> String {
    if let Some(name) = endpoint.hostname.as_ref().filter(|name| !name.is_empty()) {
        return name.clone();
    }
    let pod = endpoint
        .target_ref
        .as_ref()
        .and_then(|target| target.name.clone());
    if let Some(pod) = pod.filter(|pod| options.names_by_pod && !pod.is_empty()) {
        return pod;
    }
    address.replace(['.', ':'], "-")
}

/// `SERVICE.NAMESPACE.svc.ZONE`.
pub(super) fn name_of(service: &Service, zone: &Name) -> Option<Name> {
    let (namespace, name) = key_of(service);
    zone.child(&[name, namespace, "svc"])
}

fn key_of(service: &Service) -> (&str, &str) {
    let metadata = &service.metadata;
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// The cluster addresses; none if the service is headless.
pub(super) fn cluster_ips(service: &Service) -> Vec<IpAddr> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    let several = spec.cluster_ips.iter().flatten();
    let mut ips: Vec<IpAddr> = several
        .chain(&spec.cluster_ip)
        .filter_map(|text| text.parse().ok())
        .collect();
    ips.sort_unstable();
    ips.dedup();
    ips
}
