//! The store as a process.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use http::Request;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use styr_base::{SharedClock, Shutdown, SystemClock, Tasks};
use styr_component::logs;
use styr_component::serve::{self, Listener};

use crate::config::{Config, TlsFiles};
use crate::endpoints;
use crate::engine::{Engine, Options};
use crate::server::{Member, Server};

/// The component's name.
pub const NAME: &str = "etcd";
/// Connections of clients; an API server needs a handful.
const CONNECTIONS_MAX: usize = 10_000;
/// Connections to the health and metrics endpoints.
const OPERATIONS_CONNECTIONS_MAX: usize = 64;

/// What the store gets from outside.
#[derive(Debug)]
pub struct Deps {
    /// For leases and progress.
    pub clock: SharedClock,
    /// Ends it.
    pub shutdown: Shutdown,
}

/// Runs with etcd's flags.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> Result<()> {
    logs::init(0);
    let config = Config::from_args(args)?;
    run(
        config,
        Deps {
            clock: SystemClock::shared(),
            shutdown,
        },
    )
    .await
}

/// Serves until the shutdown.
pub async fn run(config: Config, deps: Deps) -> Result<()> {
    let options = Options {
        clock: Arc::clone(&deps.clock),
    };
    let engine = Engine::open(&config.data_dir, options)
        .with_context(|| format!("could not open {}", config.data_dir.display()))?;
    let tls = config.tls.as_ref().map(server_tls).transpose()?;
    let member = Member {
        name: config.name.clone(),
        client_urls: config.advertise.clone(),
        peer_urls: config.peers.clone(),
        progress_interval: config.progress_interval,
        bytes_max: config.bytes_max,
    };
    let tasks = Tasks::new();
    let server = Server::new(engine.clone(), member, Arc::clone(&deps.clock));
    for url in &config.listen {
        let socket = serve::bind(url.address).await?;
        tracing::info!(address = %socket.local_addr()?, "serving clients");
        let tls = tls.clone().filter(|_| url.is_tls);
        let listener = Listener {
            socket,
            tls,
            connections_max: CONNECTIONS_MAX,
        };
        tasks.spawn_infallible(server.clone().serve(listener, deps.shutdown.clone()));
    }
    for url in &config.metrics {
        let socket = serve::bind(url.address).await?;
        let connections_max = OPERATIONS_CONNECTIONS_MAX;
        let tls = tls.clone().filter(|_| url.is_tls);
        let listener = Listener {
            socket,
            tls,
            connections_max,
        };
        let engine = engine.clone();
        let service = serve::handler(move |request: Request<_>| {
            std::future::ready(endpoints::answer(&engine, &request))
        });
        tasks.spawn_infallible(serve::serve(listener, service, deps.shutdown.clone()));
    }
    tasks
        .join()
        .await
        .map_err(|error| anyhow::anyhow!(error))
        .context("a server ended")
}

fn server_tls(files: &TlsFiles) -> Result<Arc<rustls::ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("no TLS version is left")?;
    let builder = match &files.client_authority {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .with_context(|| format!("bad authority in {}", path.display()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().context("no client authority")?)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("could not read the key in {}", files.key.display()))?;
    let mut config = builder
        .with_single_cert(certificates(&files.certificate)?, key)
        .with_context(|| format!("{} cannot be served", files.certificate.display()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unreadable = || format!("could not read certificates in {}", path.display());
    let file = File::open(path).with_context(unreadable)?;
    CertificateDer::pem_reader_iter(BufReader::new(file))
        .collect::<Result<_, _>>()
        .with_context(unreadable)
}

#[cfg(test)]
mod tests;
