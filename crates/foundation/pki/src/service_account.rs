//! Tokens of service accounts: signed with ES256 or RS256, checked against several keys.
//!
//! Only signature and form are checked here; what the claims mean is the API server's business. See
//! <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/>.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::{PkiError, tls};

/// A longer token is not looked at.
const TOKEN_LENGTH_MAX: usize = 16 << 10;

/// A new key, as `(private PEM, public PEM)`: what kubeadm keeps in `sa.key` and `sa.pub`.
pub fn generate() -> Result<(String, String), PkiError> {
    let key = rcgen::KeyPair::generate().map_err(|error| PkiError::issue("tokens", error))?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

/// Signs tokens.
pub struct Signer {
    key: SigningKey,
    key_id: String,
}

enum SigningKey {
    Elliptic(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads a private key: ECDSA P-256 (PKCS#8) or RSA (PKCS#8 or PKCS#1).
    pub fn from_pem(pem: &str) -> Result<Self, PkiError> {
        let wrong = |error: ring::error::KeyRejected| PkiError::malformed("signing key", error);
        let (key, public) = match tls::key(pem)? {
            PrivateKeyDer::Pkcs1(der) => {
                let key = RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(wrong)?;
                let public = rsa_public_der(key.public().as_ref());
                (SigningKey::Rsa(key), public)
            }
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                match EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new()) {
                    Ok(key) => {
                        let public = elliptic_public_der(key.public_key().as_ref());
                        (SigningKey::Elliptic(key), public)
                    }
                    Err(_) => {
                        let key = RsaKeyPair::from_pkcs8(der).map_err(wrong)?;
                        let public = rsa_public_der(key.public().as_ref());
                        (SigningKey::Rsa(key), public)
                    }
                }
            }
            _ => {
                let reason = "convert it to PKCS#8, for example with openssl pkcs8 -topk8 -nocrypt";
                return Err(PkiError::malformed("signing key", reason));
            }
        };
        Ok(Self {
            key,
            key_id: key_id(&public),
        })
    }

    /// Signs claims.
    pub fn sign(&self, claims: &Value) -> Result<String, PkiError> {
        let algorithm = match self.key {
            SigningKey::Elliptic(_) => "ES256",
            SigningKey::Rsa(_) => "RS256",
        };
        let header = json!({"alg": algorithm, "kid": self.key_id}).to_string();
        let signed = format!(
            "{}.{}",
            BASE64.encode(header),
            BASE64.encode(claims.to_string())
        );
        let random = SystemRandom::new();
        let failed = |_| PkiError::Untrusted("could not sign a token".to_owned());
        let signature = match &self.key {
            SigningKey::Elliptic(key) => key
                .sign(&random, signed.as_bytes())
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            SigningKey::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    signed.as_bytes(),
                    &mut signature,
                )
                .map_err(failed)?;
                signature
            }
        };
        Ok(format!("{signed}.{}", BASE64.encode(signature)))
    }
}

/// Checks tokens against public keys.
#[derive(Debug, Default, Clone)]
pub struct Verifier {
    keys: Vec<PublicKey>,
}

#[derive(Debug, Clone)]
struct PublicKey {
    id: String,
    kind: PublicKind,
}

#[derive(Debug, Clone)]
enum PublicKind {
    /// The uncompressed point.
    Elliptic(Vec<u8>),
    /// `RSAPublicKey` in DER, modulus and exponent.
    Rsa {
        der: Vec<u8>,
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
}

impl Verifier {
    /// Adds all keys of a PEM text: public keys, certificates or private keys.
    pub fn add_pem(&mut self, text: &str) -> Result<(), PkiError> {
        let mut found = 0;
        for pem in x509_parser::pem::Pem::iter_from_buffer(text.as_bytes()) {
            let pem = pem.map_err(|error| PkiError::malformed("public key", error))?;
            let der = match pem.label.as_str() {
                "PUBLIC KEY" => pem.contents,
                "RSA PUBLIC KEY" => rsa_public_der(&pem.contents),
                "CERTIFICATE" => {
                    let certificate = pem
                        .parse_x509()
                        .map_err(|error| PkiError::malformed("certificate", error))?;
                    certificate.public_key().raw.to_vec()
                }
                label if label.ends_with("PRIVATE KEY") => public_of_private(text)?,
                _ => continue,
            };
            self.keys.push(public_key(&der)?);
            found += 1;
        }
        if found == 0 {
            return Err(PkiError::malformed(
                "public key",
                "there is none in the text",
            ));
        }
        Ok(())
    }

    /// The claims of a token whose signature is good.
    pub fn verify(&self, token: &str) -> Result<Value, PkiError> {
        let bad = |what: &str| PkiError::Untrusted(format!("token {what}"));
        if token.len() > TOKEN_LENGTH_MAX {
            return Err(bad("is too long"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| bad("is no JWT"))?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| bad("is no JWT"))?;
        let decode = |text: &str| -> Option<Value> {
            serde_json::from_slice(&BASE64.decode(text).ok()?).ok()
        };
        let header = decode(header).ok_or_else(|| bad("has no readable header"))?;
        let claims = decode(claims).ok_or_else(|| bad("has no readable claims"))?;
        let signature = BASE64
            .decode(signature)
            .map_err(|_| bad("has no readable signature"))?;
        let key_id = header["kid"].as_str().unwrap_or_default();
        let algorithm = header["alg"].as_str().unwrap_or_default();
        let fits = |key: &&PublicKey| key_id.is_empty() || key.id == key_id;
        let good = self.keys.iter().filter(fits).any(|key| {
            let (name, verified) = match &key.kind {
                PublicKind::Elliptic(point) => {
                    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                    ("ES256", key.verify(signed.as_bytes(), &signature))
                }
                PublicKind::Rsa { der, .. } => {
                    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der);
                    ("RS256", key.verify(signed.as_bytes(), &signature))
                }
            };
            name == algorithm && verified.is_ok()
        });
        if good {
            Ok(claims)
        } else {
            Err(bad("is signed by no known key"))
        }
    }

    /// The public keys as a JSON Web Key Set.
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| match &key.kind {
                PublicKind::Elliptic(point) => json!({
                    "use": "sig", "kty": "EC", "kid": key.id, "crv": "P-256", "alg": "ES256",
                    "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..65]),
                }),
                PublicKind::Rsa {
                    modulus, exponent, ..
                } => json!({
                    "use": "sig", "kty": "RSA", "kid": key.id, "alg": "RS256",
                    "n": BASE64.encode(modulus), "e": BASE64.encode(exponent),
                }),
            })
            .collect();
        json!({ "keys": keys })
    }

    /// The algorithms of the keys.
    pub fn algorithms(&self) -> Vec<&'static str> {
        let name = |key: &PublicKey| match key.kind {
            PublicKind::Elliptic(_) => "ES256",
            PublicKind::Rsa { .. } => "RS256",
        };
        let mut names: Vec<_> = self.keys.iter().map(name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Upstream's key id: the hash of the public key's DER.
fn key_id(public_der: &[u8]) -> String {
    BASE64.encode(digest(&SHA256, public_der))
}

fn public_of_private(pem: &str) -> Result<Vec<u8>, PkiError> {
    let signer = Signer::from_pem(pem)?;
    Ok(match &signer.key {
        SigningKey::Elliptic(key) => elliptic_public_der(key.public_key().as_ref()),
        SigningKey::Rsa(key) => rsa_public_der(key.public().as_ref()),
    })
}

fn public_key(der: &[u8]) -> Result<PublicKey, PkiError> {
    use x509_parser::public_key::PublicKey as Parsed;
    let wrong = |reason: String| PkiError::malformed("public key", reason);
    let (_, info) =
        SubjectPublicKeyInfo::from_der(der).map_err(|error| wrong(error.to_string()))?;
    let bits = info.subject_public_key.data.to_vec();
    let kind = match info.parsed().map_err(|error| wrong(error.to_string()))? {
        Parsed::RSA(key) => {
            let trimmed = |bytes: &[u8]| {
                bytes
                    .iter()
                    .copied()
                    .skip_while(|byte| *byte == 0)
                    .collect::<Vec<u8>>()
            };
            let (modulus, exponent) = (trimmed(key.modulus), trimmed(key.exponent));
            PublicKind::Rsa {
                der: bits,
                modulus,
                exponent,
            }
        }
        Parsed::EC(_) if bits.len() == 65 => PublicKind::Elliptic(bits),
        _ => return Err(wrong("neither RSA nor ECDSA P-256".to_owned())),
    };
    Ok(PublicKey {
        id: key_id(der),
        kind,
    })
}

/// `SubjectPublicKeyInfo` around an uncompressed P-256 point.
fn elliptic_public_der(point: &[u8]) -> Vec<u8> {
    const HEAD: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    [&HEAD, point].concat()
}

/// `SubjectPublicKeyInfo` around an `RSAPublicKey`.
fn rsa_public_der(key: &[u8]) -> Vec<u8> {
    const ALGORITHM: [u8; 15] = [
        0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    let bits = der_value(0x03, &[&[0], key].concat());
    der_value(0x30, &[&ALGORITHM, bits.as_slice()].concat())
}

/// Tag, length, content.
fn der_value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    let mut out = vec![tag];
    match content.len() {
        0..=127 => out.push(significant.first().copied().unwrap_or(0)),
        _ => {
            out.push(0x80 | u8::try_from(significant.len()).expect("at most eight bytes"));
            out.extend(significant);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests;
