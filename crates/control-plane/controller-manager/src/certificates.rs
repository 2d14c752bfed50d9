//! CertificateSigningRequests: approving those of nodes, signing what is approved, clearing away.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/>

pub(crate) mod approve;
pub(crate) mod clean;
mod issue;
mod request;
pub(crate) mod sign;

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use styr_client::{Client, Error};

pub(crate) const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
pub(crate) const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
pub(crate) const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
pub(crate) const LEGACY: &str = "kubernetes.io/legacy-unknown";

/// The condition of this type, if the request has it.
fn condition<'a>(
    request: &'a CertificateSigningRequest,
    kind: &str,
) -> Option<&'a CertificateSigningRequestCondition> {
    let conditions = request
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == kind)
}

fn is_issued(request: &CertificateSigningRequest) -> bool {
    let certificate = request
        .status
        .as_ref()
        .and_then(|status| status.certificate.as_ref());
    certificate.is_some_and(|certificate| !certificate.0.is_empty())
}

/// Adds a condition and writes it to a subresource: `/approval` or `/status`.
async fn write_condition(
    client: &Client,
    request: &CertificateSigningRequest,
    (kind, reason, message): (&str, &str, String),
    (subresource, now): (&str, jiff::Timestamp),
) -> Result<(), Error> {
    let mut object = request.clone();
    let status: &mut CertificateSigningRequestStatus = object.status.get_or_insert_default();
    status
        .conditions
        .get_or_insert_default()
        .push(CertificateSigningRequestCondition {
            type_: kind.to_owned(),
            status: "True".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_update_time: Some(Time(now)),
            last_transition_time: Some(Time(now)),
        });
    write(client, &object, subresource).await
}

async fn write(
    client: &Client,
    object: &CertificateSigningRequest,
    subresource: &str,
) -> Result<(), Error> {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let address = styr_client::Address::of::<CertificateSigningRequest>();
    let path = address.object("", name, subresource);
    let body = serde_json::to_vec(object).expect("maps with string keys");
    let answer: CertificateSigningRequest =
        client.send(http::Method::PUT, &path, Some(body)).await?;
    drop(answer);
    Ok(())
}
