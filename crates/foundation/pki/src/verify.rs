//! Whether a client's certificate is to be trusted, and whose it is.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::FromDer as _;

use crate::{PkiError, tls};

/// Chains that are remembered; a cluster has some hundreds of clients.
const KNOWN_MAX: usize = 1_024;

/// The authorities that clients may have their certificates from. Clones share what they know.
#[derive(Debug, Clone)]
pub struct ClientAuthorities {
    verifier: Arc<dyn ClientCertVerifier>,
    /// Chains that were found good, by digest: a connection shows the same with each request, and
    /// signatures take longer than most requests.
    known: Arc<Mutex<HashMap<[u8; 32], Known>>>,
}

/// A chain that was found good, as long as all of it is valid.
#[derive(Debug)]
struct Known {
    identity: ClientIdentity,
    seconds: RangeInclusive<i64>,
}

/// Whose certificate it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientIdentity {
    /// CN.
    pub common_name: String,
    /// O, all of them.
    pub organizations: Vec<String>,
    /// The uid that upstream keeps in an attribute of its own; usually empty.
    pub uid: String,
    /// SHA-256 of the certificate, in hexadecimal digits: upstream's credential id.
    pub fingerprint: String,
}

impl ClientAuthorities {
    /// Trusts the authorities of a PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, PkiError> {
        let roots = Arc::new(tls::roots(pem)?);
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| PkiError::malformed("client authority", error))?;
        let known = Arc::default();
        Ok(Self { verifier, known })
    }

    /// Checks a chain (DER, leaf first): issuer, dates and that it is for clients.
    pub fn verify(&self, chain: &[Vec<u8>], now: Timestamp) -> Result<ClientIdentity, PkiError> {
        let digest = digest_of(chain);
        if let Some(known) = self.known().get(&digest)
            && known.seconds.contains(&now.as_second())
        {
            return Ok(known.identity.clone());
        }
        let identity = self.verify_anew(chain, now)?;
        if let Ok(seconds) = valid_seconds(chain) {
            let mut known = self.known();
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            let identity = identity.clone();
            known.insert(digest, Known { identity, seconds });
        }
        Ok(identity)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.known.lock().expect("no holder of this lock panics")
    }

    fn verify_anew(&self, chain: &[Vec<u8>], now: Timestamp) -> Result<ClientIdentity, PkiError> {
        let certificates: Vec<CertificateDer<'_>> = chain
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let Some((leaf, rest)) = certificates.split_first() else {
            return Err(PkiError::Untrusted("no certificate was shown".to_owned()));
        };
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.verifier
            .verify_client_cert(leaf, rest, now)
            .map_err(|error| PkiError::Untrusted(format!("x509: {error}")))?;
        identity(leaf)
    }
}

/// Reads whose certificate it is, without trusting it.
pub fn identity(der: &[u8]) -> Result<ClientIdentity, PkiError> {
    /// `UserID` as upstream's signers write it.
    const UID: &str = "1.3.6.1.4.1.57683.2";
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der)
        .map_err(|error| PkiError::malformed("certificate", error))?;
    let subject = certificate.subject();
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        value.as_str().unwrap_or_default().to_owned()
    };
    let uid = subject
        .iter_attributes()
        .find(|value| value.attr_type().to_id_string() == UID);
    Ok(ClientIdentity {
        common_name: subject
            .iter_common_name()
            .last()
            .map(text)
            .unwrap_or_default(),
        organizations: subject.iter_organization().map(text).collect(),
        uid: uid.map(text).unwrap_or_default(),
        fingerprint: hex(ring_digest(der).as_ref()),
    })
}

/// When a certificate (PEM) begins and ends.
pub fn validity(pem: &str) -> Result<(Timestamp, Timestamp), PkiError> {
    let certificates = tls::certificates(pem)?;
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(&certificates[0])
        .map_err(|error| PkiError::malformed("certificate", error))?;
    let time = |seconds| {
        Timestamp::from_second(seconds).map_err(|error| PkiError::malformed("validity", error))
    };
    let validity = certificate.validity();
    Ok((
        time(validity.not_before.timestamp())?,
        time(validity.not_after.timestamp())?,
    ))
}

/// When every certificate of a chain is valid.
fn valid_seconds(chain: &[Vec<u8>]) -> Result<RangeInclusive<i64>, PkiError> {
    let (mut begin, mut end) = (i64::MIN, i64::MAX);
    for der in chain {
        let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der)
            .map_err(|error| PkiError::malformed("certificate", error))?;
        let validity = certificate.validity();
        begin = begin.max(validity.not_before.timestamp());
        end = end.min(validity.not_after.timestamp());
    }
    Ok(begin..=end)
}

fn digest_of(chain: &[Vec<u8>]) -> [u8; 32] {
    let mut context = ::ring::digest::Context::new(&::ring::digest::SHA256);
    for der in chain {
        context.update(&der.len().to_ne_bytes());
        context.update(der);
    }
    let digest = context.finish();
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn ring_digest(bytes: &[u8]) -> ::ring::digest::Digest {
    ::ring::digest::digest(&::ring::digest::SHA256, bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
