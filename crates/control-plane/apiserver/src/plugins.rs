//! Where the deciding parts are put together: authenticators, authorizers, admission, tokens.

use std::sync::Arc;

use serde_json::{Value, json};
use styr_base::SharedClock;
use styr_meta::Status;

use crate::attributes::{Admission, Authenticator, Authorizer};
use crate::config::Config;
use crate::registry::Resources;
use crate::server::State;

/// The parts, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) authenticators: Vec<Arc<dyn Authenticator>>,
    pub(crate) authorizers: Vec<Arc<dyn Authorizer>>,
    pub(crate) admission: Vec<Arc<dyn Admission>>,
    pub(crate) tokens: Tokens,
}

/// Tokens of service accounts: made here, and told about by OIDC discovery.
#[derive(Debug)]
pub struct Tokens;

impl Tokens {
    pub(crate) fn provider(&self) -> Value {
        json!({})
    }

    pub(crate) fn key_set(&self) -> Value {
        json!({ "keys": [] })
    }

    pub(crate) fn audiences(&self) -> Vec<String> {
        Vec::new()
    }
}

pub(crate) fn build(
    _config: &Config,
    _resources: &Arc<Resources>,
    _clock: &SharedClock,
) -> anyhow::Result<Built> {
    anyhow::bail!("authentication is not wired")
}

/// Creates what authorization and admission need to be there.
pub(crate) async fn bootstrap(_state: &Arc<State>) {}

/// Makes a token.
pub(crate) fn token_not_implemented() -> Status {
    Status::not_implemented("tokens")
}
