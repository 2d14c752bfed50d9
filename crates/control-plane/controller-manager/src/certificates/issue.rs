//! Makes certificates out of requests: the subject and the key are copied byte for byte.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rustls::SignatureScheme;
use rustls::sign::SigningKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::request::Request;

mod der;

/// The cluster's authority, as it signs for others.
#[derive(Debug)]
pub(super) struct Authority {
    key: Arc<dyn SigningKey>,
    subject_der: Vec<u8>,
    key_id: Option<Vec<u8>>,
    not_after: i64,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// Signature schemes in order of preference, with the algorithm as certificates name it.
const SCHEMES: &[(SignatureScheme, &[u8])] = &[
    (SignatureScheme::ECDSA_NISTP256_SHA256, der::ECDSA_SHA256),
    (SignatureScheme::ECDSA_NISTP384_SHA384, der::ECDSA_SHA384),
    (SignatureScheme::RSA_PKCS1_SHA256, der::RSA_SHA256),
    (SignatureScheme::ED25519, der::ED25519),
];

/// Bit of `keyUsage` by Kubernetes' name.
const KEY_USAGES: &[(&str, u8)] = &[
    ("signing", 0),
    ("digital signature", 0),
    ("content commitment", 1),
    ("key encipherment", 2),
    ("data encipherment", 3),
    ("key agreement", 4),
    ("cert sign", 5),
    ("crl sign", 6),
    ("encipher only", 7),
];

/// Last arc of `id-kp` by Kubernetes' name.
const EXTENDED_USAGES: &[(&str, u8)] = &[
    ("server auth", 1),
    ("client auth", 2),
    ("code signing", 3),
    ("email protection", 4),
    ("s/mime", 4),
    ("ipsec end system", 5),
    ("ipsec tunnel", 6),
    ("ipsec user", 7),
    ("timestamping", 8),
    ("ocsp signing", 9),
];

impl Authority {
    /// Reads an authority's certificate and key.
    pub(super) fn read(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let at = || {
            format!(
                "could not read the signing authority {}",
                certificate.display()
            )
        };
        let der = CertificateDer::from_pem_file(certificate).with_context(at)?;
        let (_, parsed) = X509Certificate::from_der(&der).with_context(at)?;
        let key_id = parsed
            .extensions()
            .iter()
            .find_map(|e| match e.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
                _ => None,
            });
        let private = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("could not read the signing key {}", key.display()))?;
        let key = rustls::crypto::ring::sign::any_supported_type(&private)
            .with_context(|| format!("could not use the signing key {}", key.display()))?;
        Ok(Self {
            key,
            subject_der: parsed.subject().as_raw().to_vec(),
            key_id,
            not_after: parsed.validity().not_after.timestamp(),
        })
    }

    /// A certificate in PEM for what a request asks for.
    pub(super) fn sign(
        &self,
        request: &Request,
        usages: &[String],
        life: Life,
    ) -> anyhow::Result<String> {
        let offered: Vec<SignatureScheme> = SCHEMES.iter().map(|(scheme, _)| *scheme).collect();
        let signer = self
            .key
            .choose_scheme(&offered)
            .context("the signing key fits no scheme")?;
        let algorithm = SCHEMES
            .iter()
            .find(|(scheme, _)| *scheme == signer.scheme());
        let (_, algorithm) = algorithm.expect("one of those that were offered");
        let mut serial: [u8; 16] = rand::random();
        // Positive, and never with a zero in front.
        serial[0] = (serial[0] & 0x7f) | 0x40;
        let not_after = life.not_after.as_second().min(self.not_after);
        let body = der::sequence(&[
            der::tagged(0xa0, &der::integer(&[2])),
            der::integer(&serial),
            der::sequence(&[algorithm.to_vec()]),
            self.subject_der.clone(),
            der::sequence(&[
                der::time(life.not_before),
                der::time(Timestamp::from_second(not_after)?),
            ]),
            request.subject_der.clone(),
            request.key_der.clone(),
            der::tagged(0xa3, &der::sequence(&self.extensions(request, usages))),
        ]);
        let signature = signer.sign(&body).context("could not sign")?;
        let algorithm = der::sequence(&[algorithm.to_vec()]);
        let certificate = der::sequence(&[body, algorithm, der::bits(&signature, 0)]);
        Ok(pem(&certificate))
    }

    fn extensions(&self, request: &Request, usages: &[String]) -> Vec<Vec<u8>> {
        let bits = usages.iter().filter_map(|usage| look_up(KEY_USAGES, usage));
        let mask = bits.fold(0_u8, |mask, bit| mask | (0x80 >> bit));
        let purposes: Vec<Vec<u8>> = usages
            .iter()
            .filter_map(|usage| look_up(EXTENDED_USAGES, usage))
            .map(der::purpose)
            .collect();
        let mut extensions = Vec::new();
        if mask != 0 {
            let unused = u8::try_from(mask.trailing_zeros()).unwrap_or(0);
            extensions.push(der::extension(15, true, &der::bits(&[mask], unused)));
        }
        if !purposes.is_empty() {
            extensions.push(der::extension(37, false, &der::sequence(&purposes)));
        }
        extensions.push(der::extension(19, true, &der::sequence(&[])));
        if let Some(id) = &self.key_id {
            let id = der::sequence(&[der::tagged(0x80, id)]);
            extensions.push(der::extension(35, false, &id));
        }
        if let Some(names) = &request.names_der {
            extensions.push(der::extension(17, false, names));
        }
        extensions
    }
}

fn look_up(table: &[(&str, u8)], name: &str) -> Option<u8> {
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value)
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().copied().map(char::from));
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

#[cfg(test)]
mod tests;
