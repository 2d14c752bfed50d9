//! The server to which kubelet sends clients that want to exec, attach or forward ports.
//!
//! Each request is announced over CRI first and gets an address with a secret in it, which is good
//! once and for a short while.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use styr_cri::v1;
use tokio::net::TcpListener;
use tonic::Status;

mod forward;
mod server;
mod session;
pub mod spdy;
mod websocket;

pub(crate) use server::serve;

/// Announced requests that nobody has come for.
const MOST_PENDING: usize = 1000;
/// How long an address is good.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a client will come for.
#[derive(Debug)]
pub(crate) enum Wanted {
    Exec(v1::ExecRequest),
    Attach(v1::AttachRequest),
    PortForward(v1::PortForwardRequest),
}

/// Announced requests.
#[derive(Debug)]
pub(crate) struct Streams {
    base: String,
    pending: Mutex<HashMap<String, Wanted>>,
}

impl Streams {
    /// Listens on the loopback address, any port: only kubelet comes here.
    pub(crate) async fn open() -> anyhow::Result<(Self, TcpListener)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        Ok((
            Self {
                base,
                pending: Mutex::default(),
            },
            listener,
        ))
    }

    /// Announces a request; answers its address.
    pub(crate) fn add(&self, wanted: Wanted) -> Result<String, Status> {
        let kind = match wanted {
            Wanted::Exec(_) => "exec",
            Wanted::Attach(_) => "attach",
            Wanted::PortForward(_) => "portforward",
        };
        let token = uuid::Uuid::new_v4().simple().to_string();
        let mut pending = self.pending.lock().expect("no holder of this lock panics");
        if pending.len() >= MOST_PENDING {
            return Err(Status::resource_exhausted(
                "maximum number of in-flight requests exceeded",
            ));
        }
        let url = format!("{}/{kind}/{token}", self.base);
        pending.insert(token, wanted);
        Ok(url)
    }

    /// Takes a request by its secret.
    pub(crate) fn take(&self, token: &str) -> Option<Wanted> {
        self.pending
            .lock()
            .expect("no holder of this lock panics")
            .remove(token)
    }
}
