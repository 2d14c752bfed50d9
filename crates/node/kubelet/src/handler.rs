//! What probes and hooks have in common: where to reach a container, and by what.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, HTTPGetAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::http_client::Get;

/// A port by number, or by the name that the container gives it.
pub(crate) fn port(container: &Container, port: &IntOrString) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => match name.parse() {
            Ok(number) => number,
            Err(_) => {
                let mut ports = container.ports.iter().flatten();
                let found = ports.find(|port| port.name.as_deref() == Some(name));
                found
                    .map(|port| port.container_port)
                    .ok_or_else(|| format!("couldn't find port: {name}"))?
            }
        },
    };
    u16::try_from(number)
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("invalid port number: {number}"))
}

/// The request of an action; its own headers win over `agent`.
pub(crate) fn http_get(
    container: &Container,
    action: &HTTPGetAction,
    pod_ip: &str,
    (agent, timeout): (&str, Duration),
) -> Result<Get, String> {
    let mut headers: Vec<(String, String)> = action
        .http_headers
        .iter()
        .flatten()
        .map(|header| (header.name.clone(), header.value.clone()))
        .collect();
    let has = |headers: &[(String, String)], name: &str| {
        headers
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    if !has(&headers, "user-agent") {
        headers.push(("User-Agent".into(), agent.into()));
    }
    if !has(&headers, "accept") {
        headers.push(("Accept".into(), "*/*".into()));
    }
    // An empty value means that the header is not to be sent.
    headers.retain(|(_, value)| !value.is_empty());
    let path = action.path.clone().unwrap_or_default();
    let host = action.host.clone().filter(|host| !host.is_empty());
    Ok(Get {
        scheme: action.scheme.as_deref().unwrap_or("HTTP").to_lowercase(),
        host: host.unwrap_or_else(|| pod_ip.to_owned()),
        port: port(container, &action.port)?,
        path: if path.starts_with('/') {
            path
        } else {
            format!("/{path}")
        },
        headers,
        timeout,
    })
}
