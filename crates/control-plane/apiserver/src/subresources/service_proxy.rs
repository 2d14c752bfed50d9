//! `services/proxy`: any ready endpoint of a service.

use std::sync::Arc;

use http::StatusCode;
use http::header::LOCATION;
use rand::Rng as _;
use serde_json::Value;
use styr_meta::Status;

use crate::body::{Body, Response};
use crate::forward::{Destination, forward_pages};
use crate::handlers::Scope;
use crate::inbound::Inbound;
use crate::kubelets::authority;
use crate::registry::read::At;
use crate::response;

pub(super) async fn answer(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let (scheme, name, port) = split_name(&inbound.info.name);
    let namespace = inbound.info.namespace.as_str();
    let service = scope.registry.get(namespace, name, At::Any).await?.value();
    let port = port_name(&service, port).ok_or_else(|| {
        unavailable(&format!(
            "no service port {port:?} found for service {name:?}"
        ))
    })?;
    let path = match target_path(&inbound) {
        Ok(path) => path,
        Err(redirect) => return Ok(*redirect),
    };
    let slices = inbound
        .state
        .resources
        .builtin("discovery.k8s.io", "endpointslices");
    let (snapshot, _) = slices.snapshot(At::Any).await?;
    let prefix = format!("{namespace}/");
    let mut targets: Vec<String> = Vec::new();
    for entry in snapshot.range(&prefix, "") {
        if entry
            .labels()
            .get("kubernetes.io/service-name")
            .is_some_and(|it| it == name)
        {
            targets.extend(endpoints(&entry.value(), &port));
        }
    }
    if targets.is_empty() {
        return Err(unavailable(&format!(
            "no endpoints available for service {name:?}"
        )));
    }
    let chosen = rand::rng().random_range(0..targets.len());
    let destination = Destination {
        authority: targets.swap_remove(chosen),
        tls: (scheme == "https").then(|| inbound.state.kubelets.unverified()),
        path,
    };
    let tasks = Arc::clone(&inbound.state.connections);
    let prefix = way_here(&inbound, &destination.path);
    forward_pages(&tasks, &destination, (&prefix, inbound.into_outgoing())).await
}

/// The path here that stands for `/` behind the proxy.
pub(super) fn way_here(inbound: &Inbound, target: &str) -> String {
    let target = target.split('?').next().unwrap_or_default();
    let path = inbound.info.path.as_str();
    path.strip_suffix(target).unwrap_or(path).to_owned()
}

fn unavailable(why: &str) -> Status {
    Status::service_unavailable(why)
}

/// The name of a service's port, given by name, by number or, if there is but one, not at all.
fn port_name(service: &Value, wanted: &str) -> Option<String> {
    let ports = service["spec"]["ports"].as_array()?;
    let name = |port: &Value| port["name"].as_str().unwrap_or("").to_owned();
    if wanted.is_empty() {
        return match ports.as_slice() {
            [only] => Some(name(only)),
            _ => ports.iter().map(name).find(String::is_empty),
        };
    }
    let number = wanted.parse::<u64>().ok();
    ports
        .iter()
        .find(|port| {
            port["name"] == wanted || (number.is_some() && port["port"].as_u64() == number)
        })
        .map(name)
}

/// `address:port` of the ready endpoints of a slice.
fn endpoints(slice: &Value, port_name: &str) -> Vec<String> {
    let ports = slice["ports"].as_array();
    let port = ports
        .into_iter()
        .flatten()
        .find(|port| port["name"].as_str().unwrap_or("") == port_name)
        .and_then(|port| port["port"].as_u64());
    let Some(port) = port else { return Vec::new() };
    let endpoints = slice["endpoints"].as_array();
    endpoints
        .into_iter()
        .flatten()
        .filter(|endpoint| endpoint["conditions"]["ready"] != false)
        .filter_map(|endpoint| endpoint["addresses"][0].as_str())
        .map(|address| authority(address, port))
        .collect()
}

/// `scheme:name:port`, of which only the name is a must.
pub(super) fn split_name(text: &str) -> (&str, &str, &str) {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [name, port] => ("", name, port),
        [scheme, name, port] => (scheme, name, port),
        _ => ("", text, ""),
    }
}

/// The path and query at the destination; `Err` is a redirect to the path with its slash.
pub(super) fn target_path(inbound: &Inbound) -> Result<String, Box<Response>> {
    let query = inbound.request.uri.query();
    let with_query = |path: &str| match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let is_read = matches!(inbound.info.verb.as_str(), "get" | "list");
    if inbound.info.rest.is_empty() && is_read {
        let mut answer = response::with_body(StatusCode::MOVED_PERMANENTLY, Body::empty());
        let location = with_query(&format!("{}/", inbound.info.path));
        if let Ok(value) = http::HeaderValue::from_str(&location) {
            answer.headers_mut().insert(LOCATION, value);
        }
        return Err(Box::new(answer));
    }
    let rest = if inbound.info.rest.is_empty() {
        "/"
    } else {
        &inbound.info.rest
    };
    Ok(with_query(rest))
}
