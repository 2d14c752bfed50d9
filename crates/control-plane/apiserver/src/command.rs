//! `kube-apiserver`, with upstream's flags.

mod flags;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use styr_base::{Shutdown, SystemClock};
use styr_component::serve::{Listener, bind};
use styr_store::{EtcdClient, TlsFiles};

use crate::config::{Config, Deps};
use crate::server::build;

/// Upstream's name of the component.
pub const NAME: &str = "kube-apiserver";

/// Connections at a time; each may carry hundreds of requests.
const CONNECTIONS_MAX: usize = 16_384;

/// Where the store is, and how it is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreAccess {
    pub(crate) servers: Vec<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
}

/// Parses flags, connects to the store and serves until `shutdown`.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let (config, access) = flags::parse(args)?;
    let files = TlsFiles {
        ca: access.ca_file.clone(),
        certificate: access.cert_file.clone(),
        key: access.key_file.clone(),
    };
    let store = EtcdClient::connect(&access.servers, files)
        .await
        .with_context(|| format!("could not use the store at {}", access.servers.join(",")))?;
    let clock = SystemClock::shared();
    run(
        config,
        Deps {
            store,
            clock,
            shutdown,
        },
    )
    .await
}

/// Serves over TLS until the shutdown.
pub async fn run(config: Config, deps: Deps) -> anyhow::Result<()> {
    let tls = tls::server_config(&config, deps.clock.now())?;
    let address = SocketAddr::new(config.bind_address, config.secure_port);
    let socket = bind(address).await?;
    let server = build(config, deps)?;
    server
        .serve(Listener {
            socket,
            tls: Some(tls),
            connections_max: CONNECTIONS_MAX,
        })
        .await;
    Ok(())
}
