//! The server that a component has besides its work: health and metrics, over TLS.
//!
//! Flags and access rules are upstream's: whoever shows a certificate of `--client-ca-file` or a
//! token is known, and the API server says who may read the metrics.

mod access;
mod tls;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use styr_base::{Shutdown, Tasks};

pub use access::Reviewer;

use crate::health::Checks;
use crate::metrics::Registry;
use crate::serve::{Connection, Listener, bind, handler, serve};
use crate::{Flags, operations};

/// Scrapers and probes; more connections than that are not for health.
const CONNECTIONS_MAX: usize = 64;

/// Where health and metrics are served.
#[derive(Debug, Clone)]
pub struct SecureServing {
    /// The address to listen on.
    pub address: IpAddr,
    /// 0 for not at all.
    pub port: u16,
    /// Without a pair, one is made up at the start.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whose certificates may read the metrics.
    pub client_ca: Option<PathBuf>,
}

/// What is served, and who decides about access.
#[derive(Clone)]
pub struct Served {
    /// Whether the component is well.
    pub checks: Checks,
    /// What it counts.
    pub registry: Registry,
    /// Asked before metrics are shown.
    pub reviewer: Arc<dyn Reviewer>,
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}

impl SecureServing {
    /// The flags that say it, which a component names among those that it heeds.
    pub const FLAGS: [&'static str; 5] = [
        "bind-address",
        "client-ca-file",
        "secure-port",
        "tls-cert-file",
        "tls-private-key-file",
    ];

    /// What the flags say.
    pub fn from_flags(flags: &Flags) -> anyhow::Result<Self> {
        let port = flags.int("secure-port");
        let path = |name| flags.optional(name).map(PathBuf::from);
        Ok(Self {
            address: flags
                .string("bind-address")
                .parse()
                .context("--bind-address is no IP address")?,
            port: u16::try_from(port)
                .with_context(|| format!("--secure-port {port} is no port"))?,
            certificate: path("tls-cert-file").zip(path("tls-private-key-file")),
            client_ca: path("client-ca-file"),
        })
    }

    /// Serves from now on until the shutdown, if there is a port to serve on.
    pub async fn start(
        &self,
        served: Served,
        shutdown: &Shutdown,
        tasks: &Tasks,
    ) -> anyhow::Result<()> {
        if self.port == 0 {
            return Ok(());
        }
        let listener = Listener {
            socket: bind((self.address, self.port).into()).await?,
            tls: Some(tls::server(self)?),
            connections_max: CONNECTIONS_MAX,
        };
        let service = handler(move |request: Request<Incoming>| {
            let served = served.clone();
            async move { answer(&request, &served).await }
        });
        tasks.spawn_infallible(serve(listener, service, shutdown.clone()));
        Ok(())
    }
}

async fn answer(request: &Request<Incoming>, served: &Served) -> operations::Answer {
    let path = request.uri().path();
    if path == "/metrics" {
        let connection = request.extensions().get::<Connection>();
        let caller = (request.headers(), connection);
        if let Err(code) = access::check(&*served.reviewer, caller, path).await {
            return refusal(code);
        }
    }
    let query = request.uri().query().unwrap_or("");
    let parts = (&served.checks, &served.registry);
    operations::answer(request.method(), path, query, parts)
        .unwrap_or_else(|| refusal(StatusCode::NOT_FOUND))
}

fn refusal(code: StatusCode) -> operations::Answer {
    let text = code.canonical_reason().unwrap_or_default();
    let mut answer = Response::new(Full::new(Bytes::from(format!("{text}\n"))));
    *answer.status_mut() = code;
    answer
}
