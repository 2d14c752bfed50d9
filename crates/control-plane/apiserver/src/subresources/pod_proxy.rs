//! `pods/proxy`: a port of a pod.

use std::sync::Arc;

use serde_json::Value;
use styr_meta::Status;

use super::service_proxy::{split_name, target_path, way_here};
use crate::body::Response;
use crate::forward::{Destination, forward_pages};
use crate::handlers::Scope;
use crate::inbound::Inbound;
use crate::kubelets::authority;
use crate::registry::read::At;
use crate::status;

pub(super) async fn answer(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let (scheme, name, port) = split_name(&inbound.info.name);
    let pod = scope
        .registry
        .get(&inbound.info.namespace, name, At::Any)
        .await?
        .value();
    let address = pod["status"]["podIP"].as_str().filter(|it| !it.is_empty());
    let Some(address) = address else {
        return Err(status::bad_request("address not allowed"));
    };
    let port = port_of(&pod, port);
    let path = match target_path(&inbound) {
        Ok(path) => path,
        Err(redirect) => return Ok(*redirect),
    };
    let is_tls = scheme == "https";
    let port = port.unwrap_or(if is_tls { 443 } else { 80 });
    let destination = Destination {
        authority: authority(address, port),
        tls: is_tls.then(|| inbound.state.kubelets.unverified()),
        path,
    };
    let tasks = Arc::clone(&inbound.state.connections);
    let prefix = way_here(&inbound, &destination.path);
    forward_pages(&tasks, &destination, (&prefix, inbound.into_outgoing())).await
}

/// A port by number or by name; the first of the pod if none is named.
fn port_of(pod: &Value, wanted: &str) -> Option<u64> {
    if let Ok(number) = wanted.parse() {
        return Some(number);
    }
    let containers = pod["spec"]["containers"].as_array();
    let mut ports = containers
        .into_iter()
        .flatten()
        .flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let port = if wanted.is_empty() {
        ports.next()
    } else {
        ports.find(|port| port["name"] == wanted)
    };
    port.and_then(|port| port["containerPort"].as_u64())
}
