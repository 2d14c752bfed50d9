//! The kubelet's own servers: the API of the node over TLS, and health for this machine.

use std::sync::Arc;

use styr_base::{Shutdown, Tasks};
use styr_component::health::Checks;
use styr_component::metrics::Registry;
use styr_component::operations;
use styr_component::serve::{self, Listener};
use tokio::net::TcpListener;

use crate::pods::Table;
use crate::shared::Shared;

mod access;
mod answer;
pub(crate) mod bootstrap;
mod certificate;
pub(crate) mod log_rotation;
mod logs;
mod metrics;
mod rotation;
mod routes;
mod stats;
mod streams;

/// Open connections; exec and log streams each hold one.
const CONNECTIONS_MAX: usize = 4096;

/// What answers requests.
pub(crate) struct Service {
    shared: Arc<Shared>,
    table: Table,
    access: access::Access,
    checks: Checks,
    registry: Registry,
    /// Streams outlive their requests.
    streams: Tasks,
}

/// Serves until told to stop.
pub(crate) async fn run(
    shared: Arc<Shared>,
    table: Table,
    socket: TcpListener,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let checks = Checks::new();
    let registry = Registry::new();
    let tasks = Tasks::new();
    if let Some(address) = shared.config.healthz_address {
        let socket = serve::bind(address).await?;
        let listener = Listener {
            socket,
            tls: None,
            connections_max: CONNECTIONS_MAX,
        };
        let service = operations::service(checks.clone(), registry.clone());
        tasks.spawn_infallible(serve::serve(listener, service, shutdown.clone()));
    }
    let service = Arc::new(Service {
        access: access::Access::new(&shared)?,
        shared: Arc::clone(&shared),
        table,
        checks,
        registry,
        streams: Tasks::new(),
    });
    let tls = certificate::serving(&shared).await?;
    let listener = Listener {
        socket,
        tls: Some(tls),
        connections_max: CONNECTIONS_MAX,
    };
    let handler = serve::handler(move |request| {
        let service = Arc::clone(&service);
        async move { service.answer(request).await }
    });
    serve::serve(listener, handler, shutdown).await;
    drop(tasks);
    Ok(())
}
