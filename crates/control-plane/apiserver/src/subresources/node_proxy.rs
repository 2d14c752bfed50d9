//! `nodes/proxy`: the kubelet's own API.

use std::sync::Arc;

use styr_meta::Status;

use super::service_proxy::{split_name, target_path, way_here};
use crate::body::Response;
use crate::forward::forward_pages;
use crate::handlers::Scope;
use crate::inbound::Inbound;
use crate::kubelets::authority;
use crate::registry::read::At;

pub(super) async fn answer(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let (_, name, port) = split_name(&inbound.info.name);
    let node = scope.registry.get("", name, At::Any).await?.value();
    let path = match target_path(&inbound) {
        Ok(path) => path,
        Err(redirect) => return Ok(*redirect),
    };
    let mut destination = inbound.state.kubelets.destination(&node, path)?;
    if let Ok(port) = port.parse::<u64>() {
        let host = destination
            .authority
            .rsplit_once(':')
            .map_or("", |(host, _)| host);
        destination.authority = authority(host.trim_matches(['[', ']']), port);
    }
    let tasks = Arc::clone(&inbound.state.connections);
    let prefix = way_here(&inbound, &destination.path);
    forward_pages(&tasks, &destination, (&prefix, inbound.into_outgoing())).await
}
