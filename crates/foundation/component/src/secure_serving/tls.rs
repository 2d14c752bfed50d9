//! The certificate of the health and metrics server.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::SecureServing;

/// TLS with the configured certificate, or with one made up for this run.
pub(super) fn server(serving: &SecureServing) -> anyhow::Result<Arc<ServerConfig>> {
    let (chain, key) = match &serving.certificate {
        Some((certificate, key)) => read(certificate, key)?,
        None => make_up()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("could not choose TLS versions")?
        .with_client_cert_verifier(verifier(serving, &provider)?)
        .with_single_cert(chain, key)
        .context("could not use the serving certificate")?;
    Ok(Arc::new(config))
}

/// Whoever shows a certificate of the client authority is known; nobody has to show one.
fn verifier(
    serving: &SecureServing,
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    let Some(path) = &serving.client_ca else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let at = || format!("could not read the client authority {}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).with_context(at)? {
        roots.add(certificate.with_context(at)?).with_context(at)?;
    }
    let roots = Arc::new(roots);
    WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .with_context(at)
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read(certificate: &Path, key: &Path) -> anyhow::Result<Pair> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("could not read certificate {}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("could not read key {}", key.display()))?;
    Ok((chain, key))
}

fn make_up() -> anyhow::Result<Pair> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).context("could not make a certificate")?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|error| anyhow::anyhow!("could not read the key just made: {error}"))?;
    Ok((vec![made.cert.der().clone()], key))
}
