//! Clears away requests that nobody waits for any more.
//!
//! Watches CertificateSigningRequests, deletes them: an hour after they were decided, a day after
//! they were made without a decision, and when their certificate has run out.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Time};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Error, Scope};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::context::Context;

/// Upstream's expiries of the same names.
const DECIDED: Duration = Duration::from_secs(3600);
const PENDING: Duration = Duration::from_secs(24 * 3600);

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let reconciler = Cleaner {
        context: context.clone(),
        requests: context.caches.cache(Scope::all()),
    };
    let name = "certificatesigningrequest-cleaner-controller";
    Ok(vec![
        Registration::new(name, reconciler).primary::<CertificateSigningRequest>(),
    ])
}

struct Cleaner {
    context: Context,
    requests: Cache<CertificateSigningRequest>,
}

#[async_trait]
impl Reconciler for Cleaner {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(request) = self.requests.get_key(key) else {
            return Ok(Next::Wait);
        };
        let now = self.context.clock.now();
        let left = Duration::try_from(expiry(&request, now).duration_since(now));
        if let Some(left) = left.ok().filter(|left| !left.is_zero()) {
            return Ok(Next::After(left));
        }
        let options = DeleteOptions::default();
        let client = &self.context.client;
        let deleted = client
            .delete::<CertificateSigningRequest>("", &key.name, &options)
            .await;
        Error::unless_not_found(deleted)?;
        Ok(Next::Wait)
    }
}

/// When the request is of no use any more.
fn expiry(request: &CertificateSigningRequest, now: Timestamp) -> Timestamp {
    let decided = ["Approved", "Denied", "Failed"].iter().find_map(|kind| {
        super::condition(request, kind)?
            .last_update_time
            .as_ref()
            .map(|time| time.0 + DECIDED)
    });
    let run_out = request.status.as_ref().and_then(|status| {
        let pem = &status.certificate.as_ref()?.0;
        let der = CertificateDer::from_pem_slice(pem).ok()?;
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
    });
    let created = request
        .metadata
        .creation_timestamp
        .clone()
        .unwrap_or(Time(now))
        .0;
    let pending = created + PENDING;
    decided.into_iter().chain(run_out).min().unwrap_or(pending)
}
