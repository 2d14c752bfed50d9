//! `healthCheckNodePort`: tells load balancers whether this node has endpoints of a service.
//!
//! Each such port has a server of its own, at every address of the node, whatever the path. It
//! answers 200 if a ready endpoint is here and the kernel has all that is wanted, else 503.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;
use styr_base::{Shutdown, Tasks};
use styr_client::Key;
use styr_component::serve;

use crate::health::Health;

/// Load balancers ask from a few addresses.
const CONNECTIONS_MAX: usize = 16;

/// What is to be told of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) port: u16,
    /// Ready endpoints on this node.
    pub(crate) here: usize,
}

/// The servers of all services that have one.
#[derive(Debug)]
pub(crate) struct ServiceHealth {
    health: Health,
    servers: BTreeMap<Key, Server>,
}

#[derive(Debug)]
struct Server {
    port: u16,
    here: Arc<AtomicUsize>,
    /// Ends the server when it is dropped.
    _tasks: Tasks,
}

impl ServiceHealth {
    pub(crate) fn new(health: Health) -> Self {
        Self {
            health,
            servers: BTreeMap::new(),
        }
    }

    /// Tells this of a service from now on, or nothing.
    pub(crate) async fn set(&mut self, service: &Key, report: Option<Report>) {
        let Some(report) = report else {
            self.servers.remove(service);
            return;
        };
        match self.servers.get(service) {
            Some(server) if server.port == report.port => {
                server.here.store(report.here, Ordering::Relaxed);
                return;
            }
            _ => self.servers.remove(service),
        };
        match self.start(service, report).await {
            Ok(server) => {
                self.servers.insert(service.clone(), server);
            }
            // Tried again with the next change of the service.
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(%service, port = report.port, error, "no health of the service");
            }
        }
    }

    async fn start(&self, service: &Key, report: Report) -> anyhow::Result<Server> {
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, report.port));
        let listener = serve::Listener {
            socket: serve::bind(address).await?,
            tls: None,
            connections_max: CONNECTIONS_MAX,
        };
        let here = Arc::new(AtomicUsize::new(report.here));
        let (health, key, count) = (self.health.clone(), service.clone(), Arc::clone(&here));
        let handler = serve::handler(move |_: Request<Incoming>| {
            let here = count.load(Ordering::Relaxed);
            std::future::ready(answer(&key, here, health.is_current()))
        });
        let tasks = Tasks::new();
        tasks.spawn_infallible(serve::serve(listener, handler, Shutdown::new()));
        Ok(Server {
            port: report.port,
            here,
            _tasks: tasks,
        })
    }
}

fn answer(service: &Key, here: usize, is_current: bool) -> Response<Full<Bytes>> {
    let code = if here > 0 && is_current {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({
        "service": { "namespace": service.namespace, "name": service.name },
        "localEndpoints": here,
        "serviceProxyHealthy": is_current,
    });
    Response::builder()
        .status(code)
        .header(CONTENT_TYPE, "application/json")
        .header("x-content-type-options", "nosniff")
        .header("x-load-balancing-endpoint-weight", here)
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("constant headers and a number are valid")
}

#[cfg(test)]
mod tests;
