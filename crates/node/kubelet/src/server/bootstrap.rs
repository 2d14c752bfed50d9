//! How a kubelet gets its own credentials: by its kubeconfig, or with a token that lets it ask once.
//!
//! See <https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/>.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use styr_base::{Backoff, Outage, SharedClock, Shutdown};
use styr_client::{Caches, Change, Client, Scope};
use styr_pki::kubeconfig::Credentials;
use styr_pki::{KeyPair, Kubeconfig, Profile, csr};

use super::certificate::write_private;
use super::rotation::{self, Rotation};
use crate::config::Config;

/// Who signs the certificates of kubelets as clients.
const SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const RETRY: Duration = Duration::from_millis(25);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Of the files with certificates, before the time at which each came.
const DATED_PREFIX: &str = "kubelet-client-";
/// The one before the newest: whoever opened it before the change may go on.
const OLDER_KEPT: usize = 1;
/// Leads to the newest certificate, with its key.
pub(super) const CURRENT: &str = "kubelet-client-current.pem";

/// The client as configured, and what keeps its certificate current; `None` without an API server.
pub(crate) async fn connect(
    config: &Config,
    clock: &SharedClock,
) -> anyhow::Result<Option<(Client, Option<Rotation>)>> {
    let Some(path) = &config.kubeconfig else {
        return Ok(None);
    };
    let with = config.bootstrap_kubeconfig.as_deref();
    let is_over = with.is_some() && rotation::has_ended(config, clock.now());
    if !path.exists() || is_over {
        let with = with.with_context(|| {
            format!(
                "kubeconfig {} does not exist, and there is no --bootstrap-kubeconfig",
                path.display()
            )
        })?;
        let mut backoff = Backoff::new(RETRY, RETRY_MAX);
        let mut outage = Outage::default();
        tracing::info!(with = %with.display(), "asking for the node's own certificate");
        // The API server may start later than its nodes do.
        while let Err(error) = bootstrap(config, clock, (with, path)).await {
            let (now, attempt) = (clock.monotonic(), "could not get the node's certificate");
            outage.failed(now, attempt, &format_args!("{error:#}"));
            clock.sleep(backoff.next_wait()).await;
        }
    }
    rotation::connect(config, path).await.map(Some)
}

async fn bootstrap(
    config: &Config,
    clock: &SharedClock,
    (with, path): (&Path, &Path),
) -> anyhow::Result<()> {
    let client = Client::from_kubeconfig(with).await?;
    let pair = request_own(&client, clock, &config.node_name).await?;
    let current = store(&config.cert_dir, clock.now(), &pair)?;
    let base = Kubeconfig::read(with)
        .with_context(|| format!("could not read kubeconfig {}", with.display()))?;
    let own = Kubeconfig {
        name: "default-cluster".into(),
        user: "default-auth".into(),
        credentials: Credentials::CertificateFiles {
            certificate: current.clone(),
            key: current,
        },
        ..base
    };
    write_private(path, &own.to_text())
}

/// Keeps a certificate with its key, and makes it the current one.
pub(super) fn store(directory: &Path, now: Timestamp, pair: &KeyPair) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("could not create {}", directory.display()))?;
    let stamp = now.strftime("%Y-%m-%d-%H-%M-%S").to_string();
    let file = directory.join(format!("{DATED_PREFIX}{stamp}.pem"));
    write_private(&file, &format!("{}{}", pair.certificate_pem, pair.key_pem))?;
    let (current, new) = (directory.join(CURRENT), directory.join(".current.pem"));
    // Only a leftover of an earlier try can be there.
    let _ = std::fs::remove_file(&new);
    std::os::unix::fs::symlink(&file, &new)
        .and_then(|()| std::fs::rename(&new, &current))
        .with_context(|| format!("could not link {}", current.display()))?;
    remove_older(directory, &file);
    Ok(current)
}

/// Upstream keeps all for ever; here those that nothing can still be reading go.
fn remove_older(directory: &Path, newest: &Path) {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_dated = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| {
            let stamp = name.strip_prefix(DATED_PREFIX);
            let stamp = stamp.and_then(|rest| rest.strip_suffix(".pem"));
            stamp.is_some_and(|stamp| stamp.starts_with(|first: char| first.is_ascii_digit()))
        })
    };
    let dated = entries.map(|entry| entry.path()).filter(is_dated);
    let mut dated: Vec<PathBuf> = dated.filter(|path| path != newest).collect();
    // Their names are in the order of time.
    dated.sort();
    dated.reverse();
    for old in dated.iter().skip(OLDER_KEPT) {
        if let Err(error) = std::fs::remove_file(old) {
            tracing::warn!(file = %old.display(), %error, "could not remove an old certificate");
        }
    }
}

/// Asks for the certificate with which the kubelet is a client.
pub(super) async fn request_own(
    client: &Client,
    clock: &SharedClock,
    node_name: &str,
) -> anyhow::Result<KeyPair> {
    let profile = Profile {
        organizations: vec!["system:nodes".into()],
        ..Profile::client(&format!("system:node:{node_name}"), None)
    };
    let usages = ["digital signature", "client auth"];
    request(client, clock, &profile, (SIGNER, &usages)).await
}

/// Asks for a certificate and waits until somebody has approved and signed it.
pub(super) async fn request(
    client: &Client,
    clock: &SharedClock,
    profile: &Profile,
    (signer, usages): (&str, &[&str]),
) -> anyhow::Result<KeyPair> {
    let made = csr::create(profile).context("could not make a certificate request")?;
    let wanted = CertificateSigningRequest {
        metadata: ObjectMeta {
            generate_name: Some("csr-".into()),
            ..ObjectMeta::default()
        },
        spec: CertificateSigningRequestSpec {
            request: ByteString(made.request_pem.clone().into_bytes()),
            signer_name: signer.to_owned(),
            usages: Some(usages.iter().map(|usage| (*usage).to_owned()).collect()),
            ..CertificateSigningRequestSpec::default()
        },
        status: None,
    };
    let created = client
        .create(&wanted)
        .await
        .context("could not ask for a certificate")?;
    let name = created.metadata.name.unwrap_or_default();
    let caches = Caches::new(client.clone(), clock.clone(), Shutdown::new());
    let scope = Scope::all().fields(format!("metadata.name={name}"));
    let cache = caches.cache::<CertificateSigningRequest>(scope);
    let mut changes = cache.subscribe();
    while let Some(change) = changes.next().await {
        let object = match change {
            Change::Applied { new, .. } => new,
            Change::Deleted(_) => anyhow::bail!("the certificate request {name} was deleted"),
            Change::Synced => continue,
        };
        let status = object.status.clone().unwrap_or_default();
        let conditions = status.conditions.iter().flatten();
        for condition in conditions {
            if matches!(condition.type_.as_str(), "Denied" | "Failed") {
                let reason = condition.message.clone().unwrap_or_default();
                anyhow::bail!("the certificate request {name} was refused: {reason}");
            }
        }
        if let Some(certificate) = status.certificate {
            let certificate_pem = String::from_utf8(certificate.0)
                .with_context(|| format!("the certificate of {name} is not text"))?;
            return Ok(KeyPair {
                certificate_pem,
                key_pem: made.key_pem,
            });
        }
    }
    anyhow::bail!("stopped while waiting for the certificate request {name}")
}

#[cfg(test)]
mod tests;
