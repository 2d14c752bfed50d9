//! Signs approved requests of the built-in signers with the cluster's authority.
//!
//! Watches CertificateSigningRequests. Writes their status.
//! Invariant: a certificate never says more than its signer stands for; a request that asks for more
//! fails, and is not signed in part.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Scope};

use super::issue::{Authority, Life};
use super::request::{self, Request};
use super::{CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY};
use crate::context::Context;

/// Clocks of a cluster may differ by so much.
const BACKDATE: Duration = Duration::from_secs(300);
/// Shorter lives than that are not shortened further by the backdating.
const SHORT: Duration = Duration::from_secs(8 * 3600);

/// Registers the controller; without an authority there is none.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let Some((certificate, key)) = &context.config.signing else {
        tracing::info!("no authority is given, so certificates are not signed");
        return Ok(Vec::new());
    };
    let reconciler = Signer {
        context: context.clone(),
        requests: context.caches.cache(Scope::all()),
        authority: Arc::new(Authority::read(certificate, key)?),
    };
    let name = "certificatesigningrequest-signing-controller";
    Ok(vec![
        Registration::new(name, reconciler).primary::<CertificateSigningRequest>(),
    ])
}

struct Signer {
    context: Context,
    requests: Cache<CertificateSigningRequest>,
    authority: Arc<Authority>,
}

#[derive(Debug)]
enum Plan {
    Nothing,
    Refuse(String),
    Sign(Box<Request>),
}

#[async_trait]
impl Reconciler for Signer {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(object) = self.requests.get_key(key) else {
            return Ok(Next::Wait);
        };
        let now = self.context.clock.now();
        let client = &self.context.client;
        match plan(&object) {
            Plan::Nothing => {}
            Plan::Refuse(message) => {
                let failed = ("Failed", "SignerValidationFailure", message);
                super::write_condition(client, &object, failed, ("/status", now)).await?;
            }
            Plan::Sign(request) => {
                let usages = object.spec.usages.clone().unwrap_or_default();
                let pem = self
                    .authority
                    .sign(&request, &usages, self.life(&object, now))?;
                let mut signed = CertificateSigningRequest::clone(&object);
                let status = signed.status.get_or_insert_default();
                status.certificate = Some(ByteString(pem.into_bytes()));
                super::write(client, &signed, "/status").await?;
            }
        }
        Ok(Next::Wait)
    }
}

impl Signer {
    fn life(&self, object: &CertificateSigningRequest, now: jiff::Timestamp) -> Life {
        let longest = self.context.config.signing_duration;
        let asked = object
            .spec
            .expiration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok());
        let duration = asked.map_or(longest, |seconds| Duration::from_secs(seconds).min(longest));
        let after = if duration <= SHORT {
            duration
        } else {
            duration.saturating_sub(BACKDATE)
        };
        Life {
            not_before: now - BACKDATE,
            not_after: now + after,
        }
    }
}

/// Decides; touches nothing.
fn plan(object: &CertificateSigningRequest) -> Plan {
    let has = |kind: &str| super::condition(object, kind).is_some();
    if !has("Approved") || has("Denied") || has("Failed") || super::is_issued(object) {
        return Plan::Nothing;
    }
    let signer = object.spec.signer_name.as_str();
    if ![CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY].contains(&signer) {
        return Plan::Nothing;
    }
    let request = match request::read(&object.spec.request.0) {
        Ok(request) => request,
        Err(error) => return Plan::Refuse(format!("unable to parse csr: {error:#}")),
    };
    let usages: BTreeSet<&str> = object
        .spec
        .usages
        .iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let client = ["client auth", "digital signature", "key encipherment"];
    let problem = match signer {
        KUBELET_CLIENT if !request.is_kubelet_client(&usages) => {
            Some("request is not for a kubelet's client certificate")
        }
        KUBELET_SERVING if !request.is_kubelet_serving(&usages) => {
            Some("request is not for a kubelet's serving certificate")
        }
        KUBELET_SERVING
            if object.spec.username.as_deref() != Some(request.common_name.as_str()) =>
        {
            Some("requested user is not the requesting node")
        }
        CLIENT if !usages.contains("client auth") => Some("usage did not contain client auth"),
        CLIENT if !usages.iter().all(|usage| client.contains(usage)) => {
            Some("usage is not allowed for client certificates")
        }
        _ => None,
    };
    match problem {
        Some(problem) => Plan::Refuse(problem.to_owned()),
        None => Plan::Sign(Box::new(request)),
    }
}
