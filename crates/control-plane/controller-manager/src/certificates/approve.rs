//! Approves client certificates of kubelets, if their users may ask for them.
//!
//! Watches CertificateSigningRequests. Writes their approval.
//! Invariant: nothing is approved that the authorizer does not allow the requesting user to create.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Scope};

use super::request;
use crate::context::Context;

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let reconciler = Approver {
        context: context.clone(),
        requests: context.caches.cache(Scope::all()),
    };
    let name = "certificatesigningrequest-approving-controller";
    Ok(vec![
        Registration::new(name, reconciler).primary::<CertificateSigningRequest>(),
    ])
}

struct Approver {
    context: Context,
    requests: Cache<CertificateSigningRequest>,
}

/// What must be allowed, and what is said when it is.
type Recognised = &'static [(&'static str, &'static str)];

const SELF: (&str, &str) = (
    "selfnodeclient",
    "Auto approving self kubelet client certificate after SubjectAccessReview.",
);
const OTHER: (&str, &str) = (
    "nodeclient",
    "Auto approving kubelet client certificate after SubjectAccessReview.",
);

#[async_trait]
impl Reconciler for Approver {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(object) = self.requests.get_key(key) else {
            return Ok(Next::Wait);
        };
        let recognised = plan(&object);
        for (permission, message) in recognised {
            if self.is_allowed(&object, permission).await? {
                let now = self.context.clock.now();
                let approval = ("Approved", "AutoApproved", (*message).to_owned());
                let client = &self.context.client;
                super::write_condition(client, &object, approval, ("/approval", now)).await?;
                return Ok(Next::Wait);
            }
        }
        anyhow::ensure!(
            recognised.is_empty(),
            "could not approve {key}: its user may not ask for a node's certificate"
        );
        Ok(Next::Wait)
    }
}

/// Decides which permissions would do; none if the request is not this controller's.
fn plan(object: &CertificateSigningRequest) -> Recognised {
    let is_decided = ["Approved", "Denied", "Failed"]
        .iter()
        .any(|kind| super::condition(object, kind).is_some());
    if is_decided || super::is_issued(object) || object.spec.signer_name != super::KUBELET_CLIENT {
        return &[];
    }
    let Ok(request) = request::read(&object.spec.request.0) else {
        return &[];
    };
    let usages: BTreeSet<&str> = object
        .spec
        .usages
        .iter()
        .flatten()
        .map(String::as_str)
        .collect();
    if !request.is_kubelet_client(&usages) {
        return &[];
    }
    let is_self = object.spec.username.as_deref() == Some(request.common_name.as_str());
    if is_self { &[SELF, OTHER] } else { &[OTHER] }
}

impl Approver {
    async fn is_allowed(
        &self,
        object: &CertificateSigningRequest,
        subresource: &str,
    ) -> anyhow::Result<bool> {
        let spec = &object.spec;
        let extra: Option<BTreeMap<_, _>> = spec.extra.clone();
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: spec.username.clone(),
                uid: spec.uid.clone(),
                groups: spec.groups.clone(),
                extra,
                resource_attributes: Some(ResourceAttributes {
                    group: Some("certificates.k8s.io".to_owned()),
                    resource: Some("certificatesigningrequests".to_owned()),
                    subresource: Some(subresource.to_owned()),
                    verb: Some("create".to_owned()),
                    version: Some("*".to_owned()),
                    ..ResourceAttributes::default()
                }),
                non_resource_attributes: None,
            },
            ..SubjectAccessReview::default()
        };
        let answer = self.context.client.create(&review).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}
