//! The certificate that the node's API shows: given, requested from the API server, or its own.

use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::ServerConfig;
use styr_pki::authority::self_signed;
use styr_pki::tls::{ClientCertificates, server_config};
use styr_pki::{KeyPair, Profile};

use super::bootstrap;
use crate::shared::Shared;

/// Who signs the certificates of kubelets as servers.
const SIGNER: &str = "kubernetes.io/kubelet-serving";

pub(super) async fn serving(shared: &Shared) -> anyhow::Result<Arc<ServerConfig>> {
    let config = &shared.config;
    let pair = if let Some((certificate, key)) = &config.tls_files {
        read(certificate, key)?
    } else if let Some(server) = shared
        .server
        .as_ref()
        .filter(|_| config.server_tls_bootstrap)
    {
        let mut profile = profile(shared);
        profile.common_name = format!("system:node:{}", config.node_name);
        profile.organizations = vec!["system:nodes".into()];
        let usages = ["digital signature", "server auth"];
        bootstrap::request(&server.client, &shared.clock, &profile, (SIGNER, &usages)).await?
    } else {
        own(shared)?
    };
    let clients = ClientCertificates::Requested;
    let tls = server_config(&pair, clients).context("could not use the serving certificate")?;
    // Streams are switched to other protocols, which HTTP/2 cannot.
    let mut tls = (*tls).clone();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

fn profile(shared: &Shared) -> Profile {
    let name = &shared.config.node_name;
    let ips: Vec<IpAddr> = shared
        .host_ips
        .iter()
        .filter_map(|ip| ip.parse().ok())
        .collect();
    Profile::server(name, &[name], &ips)
}

fn read(certificate: &Path, key: &Path) -> anyhow::Result<KeyPair> {
    let text = |path: &Path| {
        let text = std::fs::read_to_string(path);
        text.with_context(|| format!("could not read {}", path.display()))
    };
    Ok(KeyPair {
        certificate_pem: text(certificate)?,
        key_pem: text(key)?,
    })
}

/// Kept under upstream's names, so that it stays the same over restarts.
fn own(shared: &Shared) -> anyhow::Result<KeyPair> {
    let directory = &shared.config.cert_dir;
    let (certificate, key) = (directory.join("kubelet.crt"), directory.join("kubelet.key"));
    if certificate.exists() && key.exists() {
        return read(&certificate, &key);
    }
    let pair = self_signed(&profile(shared), shared.clock.now())
        .context("could not make a serving certificate")?;
    write_private(&key, &pair.key_pem)?;
    std::fs::write(&certificate, &pair.certificate_pem)
        .with_context(|| format!("could not write {}", certificate.display()))?;
    Ok(pair)
}

/// A file that only its owner reads.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let write = || -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("could not write {}", path.display()))
}
