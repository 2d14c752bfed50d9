//! Client certificates: CN is the user, O are the groups.
//!
//! See <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>.

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use http::request::Parts;
use styr_base::SharedClock;
use styr_pki::verify::ClientAuthorities;

use crate::attributes::{AuthError, Authenticator, PeerCertificates, User};

/// Trusts certificates of some authorities.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    authorities: ClientAuthorities,
    clock: SharedClock,
}

impl ClientCertificate {
    pub(super) fn new(authorities: &str, clock: &SharedClock) -> Result<Self> {
        let authorities =
            ClientAuthorities::from_pem(authorities).context("could not use --client-ca-file")?;
        Ok(Self {
            authorities,
            clock: clock.clone(),
        })
    }
}

#[async_trait]
impl Authenticator for ClientCertificate {
    async fn authenticate(&self, request: &Parts) -> Result<Option<User>, AuthError> {
        let Some(PeerCertificates(chain)) = request.extensions.get() else {
            return Ok(None);
        };
        if chain.is_empty() {
            return Ok(None);
        }
        let identity = self
            .authorities
            .verify(chain, self.clock.now())
            .map_err(|error| AuthError(error.to_string()))?;
        if identity.common_name.is_empty() {
            return Ok(None);
        }
        let id = format!("X509SHA256={}", identity.fingerprint);
        let credential = (
            "authentication.kubernetes.io/credential-id".to_owned(),
            vec![id],
        );
        Ok(Some(User {
            name: identity.common_name,
            uid: identity.uid,
            groups: identity.organizations,
            extra: [credential].into(),
        }))
    }
}
