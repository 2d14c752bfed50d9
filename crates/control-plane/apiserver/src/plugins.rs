//! Where the deciding parts are put together: authenticators, authorizers, admission, tokens.

use std::sync::Arc;

use serde_json::{Value, json};
use styr_base::SharedClock;
use styr_meta::Status;

use crate::attributes::{
    Admission, Attributes, Authenticator, Authorizer, Decision, RuleSummary, User,
};
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
    config: &Config,
    _resources: &Arc<Resources>,
    _clock: &SharedClock,
) -> anyhow::Result<Built> {
    anyhow::ensure!(
        config.authorization_modes == ["AlwaysAllow"],
        "only AlwaysAllow is wired"
    );
    Ok(Built {
        authenticators: Vec::new(),
        authorizers: vec![Arc::new(AlwaysAllow)],
        admission: Vec::new(),
        tokens: Tokens,
    })
}

/// Everybody may do everything.
#[derive(Debug)]
struct AlwaysAllow;

#[async_trait::async_trait]
impl Authorizer for AlwaysAllow {
    async fn authorize(&self, _attributes: &Attributes) -> Decision {
        Decision::Allow(String::new())
    }

    fn rules_for(&self, _user: &User, _namespace: &str) -> RuleSummary {
        RuleSummary::default()
    }
}

/// Creates what authorization and admission need to be there.
pub(crate) async fn bootstrap(_state: &Arc<State>) {}

/// Makes a token.
pub(crate) fn token_not_implemented() -> Status {
    Status::not_implemented("tokens")
}
