//! Variables that tell a container where services are.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;

use super::Environment;

/// The API server's own service, which every container is told of.
const MASTER: (&str, &str) = ("default", "kubernetes");

/// Services of the pod's namespace if it wants links, and the API server's in any case.
pub(crate) fn variables(services: &[Arc<Service>], namespace: &str, links: bool) -> Environment {
    let mut out = Environment::new();
    let mut chosen: Vec<&Arc<Service>> = Vec::new();
    for service in services {
        let of = service.metadata.namespace.as_deref().unwrap_or_default();
        let name = service.metadata.name.as_deref().unwrap_or_default();
        if (of, name) == MASTER {
            // A service of the same name in the pod's namespace comes later and wins.
            chosen.insert(0, service);
        } else if links && of == namespace {
            chosen.push(service);
        }
    }
    for service in chosen {
        one(service, &mut out);
    }
    out
}

fn one(service: &Service, out: &mut Environment) {
    let Some(spec) = &service.spec else { return };
    let Some(ip) = spec
        .cluster_ip
        .as_deref()
        .and_then(|ip| ip.parse::<IpAddr>().ok())
    else {
        return;
    };
    let prefix = variable_name(service.metadata.name.as_deref().unwrap_or_default());
    let ports = spec.ports.as_deref().unwrap_or_default();
    let Some(first) = ports.first() else { return };
    let mut put = |name: String, value: String| out.insert(name, value);
    put(format!("{prefix}_SERVICE_HOST"), ip.to_string());
    put(format!("{prefix}_SERVICE_PORT"), first.port.to_string());
    for (index, port) in ports.iter().enumerate() {
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            put(
                format!("{prefix}_SERVICE_PORT_{}", variable_name(name)),
                port.port.to_string(),
            );
        }
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let lower = protocol.to_lowercase();
        let number = u16::try_from(port.port).unwrap_or(0);
        let url = format!("{lower}://{}", SocketAddr::new(ip, number));
        if index == 0 {
            put(format!("{prefix}_PORT"), url.clone());
        }
        let of_port = format!("{prefix}_PORT_{}_{}", port.port, protocol.to_uppercase());
        put(format!("{of_port}_PROTO"), lower);
        put(format!("{of_port}_PORT"), port.port.to_string());
        put(format!("{of_port}_ADDR"), ip.to_string());
        put(of_port, url);
    }
}

fn variable_name(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}
