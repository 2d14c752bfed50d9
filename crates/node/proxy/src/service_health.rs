//! `healthCheckNodePort`: tells load balancers whether this node has endpoints of a service.
//!
//! Each such port has a server of its own at each address where node ports answer, whatever the
//! path. It answers 200 if a ready endpoint is here and the kernel has all that is wanted, else 503.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
use styr_kernel::netlink::Netlink;

use crate::health::Health;
use crate::network::contains;

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
    /// Addresses of the node to listen at; empty means everywhere.
    addresses: Vec<(Ipv4Addr, u8)>,
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
    pub(crate) fn new(health: Health, addresses: Vec<(Ipv4Addr, u8)>) -> Self {
        Self {
            health,
            addresses,
            servers: BTreeMap::new(),
        }
    }

    /// Listens there from now on. All servers end, and come back as their services are told.
    pub(crate) fn set_addresses(&mut self, addresses: Vec<(Ipv4Addr, u8)>) {
        self.addresses = addresses;
        self.servers.clear();
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
        let here = Arc::new(AtomicUsize::new(report.here));
        let tasks = Tasks::new();
        for ip in self.listened()? {
            let listener = serve::Listener {
                socket: serve::bind(SocketAddr::from((ip, report.port))).await?,
                tls: None,
                connections_max: CONNECTIONS_MAX,
            };
            let (health, key, count) = (self.health.clone(), service.clone(), Arc::clone(&here));
            let handler = serve::handler(move |_: Request<Incoming>| {
                let here = count.load(Ordering::Relaxed);
                std::future::ready(answer(&key, here, health.is_current()))
            });
            tasks.spawn_infallible(serve::serve(listener, handler, Shutdown::new()));
        }
        Ok(Server {
            port: report.port,
            here,
            _tasks: tasks,
        })
    }

    /// Where to listen: those of the node's addresses at which node ports answer.
    fn listened(&self) -> anyhow::Result<BTreeSet<Ipv4Addr>> {
        if self.addresses.is_empty() {
            return Ok([Ipv4Addr::UNSPECIFIED].into());
        }
        let own = Netlink::open()?.addresses()?.into_iter();
        let own = own.filter_map(|one| match one.address.ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        let is_wanted = |ip: &Ipv4Addr| {
            let mut networks = self.addresses.iter();
            networks.any(|network| contains(*network, (*ip, 32)))
        };
        Ok(own.filter(is_wanted).collect())
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
