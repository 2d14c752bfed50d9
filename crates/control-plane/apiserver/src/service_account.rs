//! Tokens of service accounts: made here, checked by authentication, told about by OIDC discovery.

mod request;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use styr_pki::PkiError;
use styr_pki::service_account::{Signer, Verifier};

use crate::config::Config;

pub(crate) use request::answer;

/// The issuer of the tokens in secrets.
pub(crate) const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";

/// Signs and checks tokens.
#[derive(Debug)]
pub struct Tokens {
    signer: Option<Signer>,
    verifier: Verifier,
    /// The first signs; all are accepted.
    issuers: Vec<String>,
    audiences: Vec<String>,
    jwks_uri: String,
    /// Seconds; 0 is no limit.
    expiration_max: i64,
    /// Whether tokens for pods may be used longer than asked for, as upstream allows old clients.
    is_extended: bool,
}

impl Tokens {
    /// Reads the keys that the configuration names.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let mut verifier = Verifier::default();
        for path in &config.service_account_key_files {
            let added = verifier.add_pem(&text(path)?);
            added.with_context(|| format!("could not use the keys in {}", path.display()))?;
        }
        let signer = match &config.service_account_signing_key_file {
            None => None,
            Some(path) => {
                let pem = text(path)?;
                let unusable = || format!("could not use the key in {}", path.display());
                if config.service_account_key_files.is_empty() {
                    verifier.add_pem(&pem).with_context(unusable)?;
                }
                Some(Signer::from_pem(&pem).with_context(unusable)?)
            }
        };
        let issuers = config.service_account_issuers.clone();
        let audiences = match config.api_audiences.as_slice() {
            [] => issuers.clone(),
            given => given.to_vec(),
        };
        Ok(Self {
            signer,
            verifier,
            issuers,
            audiences,
            jwks_uri: config
                .service_account_jwks_uri
                .clone()
                .unwrap_or_else(|| own_jwks_uri(config)),
            expiration_max: i64::try_from(config.service_account_max_token_expiration.as_secs())?,
            is_extended: config.service_account_extend_token_expiration,
        })
    }

    /// For whom tokens are if nobody else is named: this server.
    pub(crate) fn audiences(&self) -> Vec<String> {
        self.audiences.clone()
    }

    /// Which of the audiences that somebody asks about a good token is for; of a token without
    /// audiences all.
    pub(crate) fn common_audiences(&self, token: &str, asked: &[String]) -> Vec<String> {
        let asked = if asked.is_empty() {
            &self.audiences
        } else {
            asked
        };
        let claims = self.verify(token).unwrap_or_default();
        let held = |audience: &&String| match &claims["aud"] {
            Value::String(one) => one == *audience,
            Value::Array(many) => many.iter().any(|it| it == *audience),
            _ => true,
        };
        asked.iter().filter(held).cloned().collect()
    }

    /// The claims of a token that one of the keys has signed.
    pub(crate) fn verify(&self, token: &str) -> Result<Value, PkiError> {
        self.verifier.verify(token)
    }

    /// Whether a token says that it comes from here; nothing is proved by that.
    pub(crate) fn is_issuer_of(&self, token: &str) -> bool {
        let issuer = Self::issuer_of(token).unwrap_or_default();
        self.issuers.contains(&issuer)
    }

    /// Where a token says that it comes from; nothing is proved by that.
    pub(crate) fn issuer_of(token: &str) -> Option<String> {
        let claims = token.split('.').nth(1)?;
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Value = serde_json::from_slice(&decoded).ok()?;
        claims["iss"].as_str().map(str::to_owned)
    }

    /// `/.well-known/openid-configuration`.
    pub(crate) fn provider(&self) -> Value {
        let issuer = self.issuers.first().map_or("", String::as_str);
        json!({
            "issuer": issuer,
            "jwks_uri": self.jwks_uri,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": self.verifier.algorithms(),
        })
    }

    /// `/openid/v1/jwks`.
    pub(crate) fn key_set(&self) -> Value {
        self.verifier.jwks()
    }
}

/// Where this server itself shows its keys.
fn own_jwks_uri(config: &Config) -> String {
    format!("https://{}/openid/v1/jwks", config.public_address())
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
}
