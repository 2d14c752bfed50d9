//! Replaces the kubelet's client certificate before it ends, without a restart.
//!
//! Only the certificate that the kubelet has asked for itself is replaced. Requests use the new one
//! from then on; a watch that is open goes on as it is, for some minutes at most.
//!
//! See <https://kubernetes.io/docs/tasks/tls/certificate-rotation/>.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use jiff::Timestamp;
use kube::client::Body;
use rand::Rng as _;
use styr_base::{Backoff, Outage, SharedClock};
use styr_client::Client;
use styr_pki::Kubeconfig;
use styr_pki::kubeconfig::Credentials;
use styr_pki::verify::validity;

use super::bootstrap::{self, CURRENT};
use crate::config::Config;

/// Upstream asks for the next one when between these parts of a certificate's time have passed.
const DUE_MIN: f64 = 0.7;
const DUE_MAX: f64 = 0.9;
/// Certificates so short that they are due at once are not asked for without a rest.
const PAUSE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(10);
const RETRY_MAX: Duration = Duration::from_secs(300);

/// Renews one certificate over and over.
pub(crate) struct Rotation {
    node_name: String,
    kubeconfig: PathBuf,
    directory: PathBuf,
    connection: Connection,
}

/// A client as the kubeconfig says, and what keeps its certificate current, if that is wanted.
pub(super) async fn connect(
    config: &Config,
    kubeconfig: &Path,
) -> anyhow::Result<(Client, Option<Rotation>)> {
    let client = Client::from_kubeconfig(kubeconfig).await?;
    let read = Kubeconfig::read(kubeconfig)
        .with_context(|| format!("could not read kubeconfig {}", kubeconfig.display()))?;
    let own = config.cert_dir.join(CURRENT);
    let is_own = matches!(&read.credentials,
        Credentials::CertificateFiles { certificate, .. } if *certificate == own);
    if !(config.rotate_certificates && is_own) {
        return Ok((client, None));
    }
    let connection = Connection(Arc::new(Mutex::new(client.kube().clone())));
    let client = Client::over_service(connection.clone());
    let rotation = Rotation {
        node_name: config.node_name.clone(),
        kubeconfig: kubeconfig.to_owned(),
        directory: config.cert_dir.clone(),
        connection,
    };
    Ok((client, Some(rotation)))
}

/// Whether the certificate that was asked for can no longer be used.
pub(super) fn has_ended(config: &Config, now: Timestamp) -> bool {
    let text = std::fs::read_to_string(config.cert_dir.join(CURRENT));
    text.is_ok_and(|text| validity(&text).is_ok_and(|(_, end)| end <= now))
}

impl Rotation {
    /// Until dropped.
    pub(crate) async fn run(self, clock: SharedClock) {
        let mut backoff = Backoff::new(RETRY, RETRY_MAX).with_jitter(0.5);
        let mut outage = Outage::default();
        loop {
            match self.once(&clock).await {
                Ok(()) => {
                    backoff.reset();
                    outage.ended();
                }
                Err(error) => {
                    let (now, attempt) = (clock.monotonic(), "could not renew the certificate");
                    outage.failed(now, attempt, &format_args!("{error:#}"));
                    clock.sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    /// Waits until the certificate is to be renewed, and renews it.
    async fn once(&self, clock: &SharedClock) -> anyhow::Result<()> {
        let file = self.directory.join(CURRENT);
        let text = std::fs::read_to_string(&file);
        let text = text.with_context(|| format!("could not read {}", file.display()))?;
        let times = validity(&text).context("could not understand the node's certificate")?;
        let due = due(times, rand::rng().random_range(DUE_MIN..DUE_MAX));
        let wait = Duration::try_from(due.duration_since(clock.now())).unwrap_or_default();
        clock.sleep(wait.max(PAUSE)).await;
        let client = Client::new(self.connection.current());
        let pair = bootstrap::request_own(&client, clock, &self.node_name).await?;
        bootstrap::store(&self.directory, clock.now(), &pair)?;
        let new = Client::from_kubeconfig(&self.kubeconfig).await?;
        self.connection.replace(new.kube().clone());
        tracing::info!("renewed the node's certificate");
        Ok(())
    }
}

/// When that part of a certificate's time has passed.
fn due((begin, end): (Timestamp, Timestamp), part: f64) -> Timestamp {
    begin + end.duration_since(begin).mul_f64(part)
}

/// The connection that is in use. Clones share it.
#[derive(Clone)]
struct Connection(Arc<Mutex<kube::Client>>);

impl Connection {
    fn current(&self) -> kube::Client {
        let current = self.0.lock().expect("no holder of this lock panics");
        current.clone()
    }

    fn replace(&self, new: kube::Client) {
        *self.0.lock().expect("no holder of this lock panics") = new;
    }
}

impl tower::Service<Request<Body>> for Connection {
    type Response = Response<Body>;
    type Error = kube::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, kube::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), kube::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let client = self.current();
        Box::pin(async move { client.send(request).await })
    }
}

#[cfg(test)]
mod tests;
