//! The server's certificate, and whose certificates clients may show.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::Config;

/// TLS as the configuration says.
pub(super) fn server_config(config: &Config) -> anyhow::Result<Arc<ServerConfig>> {
    let (Some(certificate), Some(key)) = (&config.tls_cert_file, &config.tls_private_key_file)
    else {
        anyhow::bail!("--tls-cert-file and --tls-private-key-file must be specified");
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let mut roots = RootCertStore::empty();
    let authorities = [&config.client_ca_file, &config.requestheader.client_ca_file];
    for path in authorities.into_iter().flatten() {
        for certificate in certificates(path)? {
            roots.add(certificate).with_context(|| format!("could not use {}", path.display()))?;
        }
    }
    let builder = if roots.is_empty() {
        builder.with_no_client_auth()
    } else {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()?;
        builder.with_client_cert_verifier(verifier)
    };
    let text = fs::read(key).with_context(|| format!("could not read {}", key.display()))?;
    let key = PrivateKeyDer::from_pem_slice(&text)
        .with_context(|| format!("could not read the key {}", key.display()))?;
    let mut tls = builder
        .with_single_cert(certificates(certificate)?, key)
        .with_context(|| format!("could not use {} and its key", certificate.display()))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let text = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .with_context(|| format!("could not read the certificates of {}", path.display()))
}
