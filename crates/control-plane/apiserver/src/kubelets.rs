//! How kubelets are reached: at which address of their node, and with which certificate.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde_json::Value;
use styr_meta::Status;

use crate::config::KubeletAccess;
use crate::forward::Destination;

/// The port of a kubelet that does not tell.
const PORT: u64 = 10_250;

/// The way to all kubelets.
#[derive(Debug)]
pub struct Kubelets {
    tls: Arc<ClientConfig>,
    /// For pods and services, whose certificates nobody can check.
    unverified: Arc<ClientConfig>,
    address_types: Vec<String>,
}

impl Kubelets {
    pub fn new(access: &KubeletAccess) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let unverified = without_verification(&provider)?.with_no_client_auth();
        let builder = match &access.certificate_authority {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate)?;
                }
                ClientConfig::builder_with_provider(Arc::clone(&provider))
                    .with_safe_default_protocol_versions()?
                    .with_root_certificates(roots)
            }
            // As upstream: without an authority, kubelets are believed.
            None => without_verification(&provider)?,
        };
        let tls = match (&access.client_certificate, &access.client_key) {
            (Some(certificate), Some(key)) => {
                let text =
                    fs::read(key).with_context(|| format!("could not read {}", key.display()))?;
                let key = PrivateKeyDer::from_pem_slice(&text)
                    .with_context(|| format!("could not read the key {}", key.display()))?;
                builder.with_client_auth_cert(certificates(certificate)?, key)?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok(Self {
            tls: Arc::new(tls),
            unverified: Arc::new(unverified),
            address_types: access.preferred_address_types.clone(),
        })
    }

    /// TLS without a check of the other side.
    pub fn unverified(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.unverified)
    }

    /// Where the kubelet of a node answers `path`.
    pub fn destination(&self, node: &Value, path: String) -> Result<Destination, Status> {
        let name = node["metadata"]["name"].as_str().unwrap_or("");
        let addresses = node["status"]["addresses"].as_array();
        let of_type = |wanted: &String| {
            let found = addresses
                .into_iter()
                .flatten()
                .find(|it| it["type"] == wanted.as_str());
            found.and_then(|it| it["address"].as_str())
        };
        let address = self.address_types.iter().find_map(of_type).ok_or_else(|| {
            Status::internal(format!(
                "no preferred addresses found; known addresses: {}",
                node["status"]["addresses"]
            ))
        })?;
        let port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64();
        let port = port.filter(|port| *port > 0).unwrap_or(PORT);
        tracing::debug!(node = name, address, port, "reaching a kubelet");
        Ok(Destination {
            authority: authority(address, port),
            tls: Some(Arc::clone(&self.tls)),
            path,
        })
    }
}

/// `address:port`.
pub(crate) fn authority(address: &str, port: u64) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let text = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .with_context(|| format!("could not read the certificates of {}", path.display()))
}

fn without_verification(
    provider: &Arc<CryptoProvider>,
) -> anyhow::Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>> {
    let algorithms = provider.signature_verification_algorithms;
    Ok(ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(algorithms))))
}

/// Believes whoever answers, but checks that they hold the key they show.
struct Anybody(WebPkiSupportedAlgorithms);

impl fmt::Debug for Anybody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anybody")
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
