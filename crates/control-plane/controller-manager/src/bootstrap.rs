//! Bootstrap tokens: signing what joining nodes read, and removing tokens that have run out.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>

pub(crate) mod clean;
pub(crate) mod sign;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use styr_client::Scope;

const SECRETS: &str = "kube-system";
const TYPE: &str = "bootstrap.kubernetes.io/token";

/// Secrets that hold tokens.
fn scope() -> Scope {
    Scope::namespace(SECRETS).fields(format!("type={TYPE}"))
}

fn field<'a>(secret: &'a Secret, name: &str) -> Option<&'a str> {
    let bytes = secret.data.as_ref()?.get(name)?;
    std::str::from_utf8(&bytes.0).ok()
}

/// When a token runs out; `None` if never. One whose time cannot be read has run out.
fn expiry(secret: &Secret) -> Option<Timestamp> {
    let text = field(secret, "expiration")?;
    Some(text.parse().unwrap_or(Timestamp::UNIX_EPOCH))
}
