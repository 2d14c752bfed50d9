//! Who sent this? A table of authenticators; the first that knows the credentials decides.
//!
//! Upstream's order: front proxy, client certificate, bearer tokens. Whoever shows no credentials is
//! anonymous, which is the chain's business.

mod bearer;
mod bootstrap_token;
mod client_certificate;
mod front_proxy;
mod legacy_token;
mod service_account;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use styr_base::SharedClock;

use crate::attributes::Authenticator;
use crate::config::{Config, RequestHeader};
use crate::objects::Objects;
use crate::service_account::Tokens;

/// All authenticators that the configuration asks for, in upstream's order.
pub(crate) fn build(
    config: &Config,
    objects: &Arc<dyn Objects>,
    tokens: &Arc<Tokens>,
    clock: &SharedClock,
) -> Result<Vec<Arc<dyn Authenticator>>> {
    let mut table: Vec<Arc<dyn Authenticator>> = Vec::new();
    if let Some(path) = &config.requestheader.client_ca_file {
        let authorities = text(path)?;
        let headers = config.requestheader.clone();
        table.push(Arc::new(front_proxy::FrontProxy::new(
            &authorities,
            headers,
            clock,
        )?));
    }
    if let Some(path) = &config.client_ca_file {
        let authorities = text(path)?;
        table.push(Arc::new(client_certificate::ClientCertificate::new(
            &authorities,
            clock,
        )?));
    }
    let (tokens, objects) = (Arc::clone(tokens), Arc::clone(objects));
    if config.enable_bootstrap_token_auth {
        let (objects, clock) = (Arc::clone(&objects), Arc::clone(clock));
        table.push(Arc::new(bootstrap_token::BootstrapToken { objects, clock }));
    }
    let (lookup, clock) = (config.service_account_lookup, Arc::clone(clock));
    table.push(Arc::new(legacy_token::LegacyToken {
        tokens: Arc::clone(&tokens),
        objects: Arc::clone(&objects),
        lookup,
    }));
    table.push(Arc::new(service_account::ServiceAccount {
        tokens,
        objects,
        lookup,
        clock,
    }));
    Ok(table)
}

/// Whether a request shows a token: then it must be a good one.
pub(crate) fn has_bearer_token(request: &http::request::Parts) -> bool {
    bearer::token(request).is_some()
}

/// Takes credentials out of a request whose sender is known.
pub(crate) fn forget_credentials(headers: &mut http::HeaderMap, configured: &RequestHeader) {
    bearer::remove(headers);
    front_proxy::remove(headers, configured);
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
}
