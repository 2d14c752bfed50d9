//! Our store as a server on loopback, and the real one.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use styr_base::{Shutdown, SystemClock, Tasks};
use styr_component::serve::{self, Listener};
use styr_etcd::{Engine, Member, Options, Server};
use styr_test_support::oracle;

use crate::process::{Process, free_port, spawn};

/// The real API server opens about one for each kind.
const CONNECTIONS_MAX: usize = 1_000;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(600);

/// Our store; it ends with this.
#[derive(Debug)]
pub struct Ours {
    pub url: String,
    shutdown: Shutdown,
    _tasks: Tasks,
}

impl Ours {
    /// Starts it.
    pub async fn start(folder: &Path) -> Result<Self> {
        let clock = SystemClock::shared();
        let options = Options {
            clock: Arc::clone(&clock),
        };
        let engine = Engine::open(&folder.join("store"), options)?;
        let socket = serve::bind("127.0.0.1:0".parse().context("an address")?).await?;
        let url = format!("http://{}", socket.local_addr()?);
        let member = Member {
            name: "default".to_owned(),
            client_urls: vec![url.clone()],
            peer_urls: Vec::new(),
            progress_interval: PROGRESS_INTERVAL,
            bytes_max: None,
        };
        let listener = Listener {
            socket,
            tls: None,
            connections_max: CONNECTIONS_MAX,
        };
        let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
        let server = Server::new(engine, member, clock);
        tasks.spawn_infallible(server.serve(listener, shutdown.clone()));
        Ok(Self {
            url,
            shutdown,
            _tasks: tasks,
        })
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

/// The real etcd; it ends with this.
#[derive(Debug)]
pub struct Real {
    pub url: String,
    _process: Process,
}

impl Real {
    /// Starts it, or answers nothing where it is not built. It answers a little later.
    pub fn start(folder: &Path) -> Result<Option<Self>> {
        let Some(etcd) = oracle::binary("etcd") else {
            return Ok(None);
        };
        let url = format!("http://127.0.0.1:{}", free_port()?);
        let peer = format!("http://127.0.0.1:{}", free_port()?);
        let mut command = Command::new(etcd);
        command
            .arg(format!("--data-dir={}", folder.join("etcd").display()))
            .arg(format!("--listen-client-urls={url}"))
            .arg(format!("--advertise-client-urls={url}"))
            .arg(format!("--listen-peer-urls={peer}"))
            .arg(format!("--initial-advertise-peer-urls={peer}"))
            .arg(format!("--initial-cluster=default={peer}"));
        let process = spawn(&mut command, &folder.join("etcd.log"))?;
        Ok(Some(Self {
            url,
            _process: process,
        }))
    }
}
