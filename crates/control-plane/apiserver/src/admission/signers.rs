//! Who may approve and sign for a signer of certificates.

use std::sync::Arc;

use serde_json::Value;

use crate::attributes::{AdmissionAttributes, Attributes, Authorizer, Decision, User};

pub(super) const GROUP: &str = "certificates.k8s.io";
pub(super) const REQUESTS: &str = "certificatesigningrequests";

/// Whether the sender may do so for this signer, or for all signers of its domain.
pub(super) async fn may(
    authorizers: &[Arc<dyn Authorizer>],
    attributes: &AdmissionAttributes<'_>,
    (verb, signer): (&str, &str),
) -> bool {
    let domain = signer.split('/').next().unwrap_or_default();
    for name in [signer.to_owned(), format!("{domain}/*")] {
        if is_allowed(authorizers, attributes.user, (verb, name)).await {
            return true;
        }
    }
    false
}

async fn is_allowed(
    authorizers: &[Arc<dyn Authorizer>],
    user: &User,
    (verb, name): (&str, String),
) -> bool {
    let asked = Attributes {
        user: Arc::new(user.clone()),
        verb: verb.to_owned(),
        group: GROUP.to_owned(),
        version: "*".to_owned(),
        resource: "signers".to_owned(),
        name,
        is_resource: true,
        ..Attributes::default()
    };
    first_opinion(authorizers, &asked).await
}

/// Whether the first authorizer with an opinion allows it.
pub(super) async fn first_opinion(authorizers: &[Arc<dyn Authorizer>], asked: &Attributes) -> bool {
    for authorizer in authorizers {
        match authorizer.authorize(asked).await {
            Decision::Allow(_) => return true,
            Decision::Deny(_) => return false,
            Decision::NoOpinion(_) => {}
        }
    }
    false
}

/// The request inside of a `CertificateSigningRequest`, PEM.
pub(super) fn request_pem(object: &Value) -> Option<String> {
    use base64::Engine as _;
    let encoded = object["spec"]["request"].as_str()?;
    let decoded = base64::prelude::BASE64_STANDARD.decode(encoded).ok()?;
    String::from_utf8(decoded).ok()
}
