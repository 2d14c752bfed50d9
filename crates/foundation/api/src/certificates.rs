//! Kinds of the group `certificates.k8s.io`.

mod certificate_signing_request;
mod cluster_trust_bundle;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    match plural {
        "certificatesigningrequests" => {
            Some(&certificate_signing_request::CertificateSigningRequest)
        }
        "clustertrustbundles" => Some(&cluster_trust_bundle::ClusterTrustBundle),
        _ => None,
    }
}
