//! `CertificateSubjectRestriction`: nobody gets a certificate of `system:masters` by a request.

use std::sync::Arc;

use async_trait::async_trait;
use styr_meta::Status;

use super::{Parts, forbidden, is_of, signers};
use crate::attributes::{Admission, AdmissionAttributes, Operation};

const SIGNER: &str = "kubernetes.io/kube-apiserver-client";
const MASTERS: &str = "system:masters";

#[derive(Debug)]
struct CertificateSubjectRestriction;

pub(super) fn make(_: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(CertificateSubjectRestriction)
}

#[async_trait]
impl Admission for CertificateSubjectRestriction {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    async fn validate(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_of(attributes, signers::GROUP, signers::REQUESTS) {
            return Ok(());
        }
        let Some(request) = attributes.object.as_deref() else {
            return Ok(());
        };
        if request["spec"]["signerName"] != SIGNER {
            return Ok(());
        }
        let pem = signers::request_pem(request).unwrap_or_default();
        let subject = styr_pki::csr::subject(&pem)
            .map_err(|error| forbidden(attributes, format!("failed to parse CSR: {error}")))?;
        if !subject.organizations.iter().any(|group| group == MASTERS) {
            return Ok(());
        }
        let why = format!("use of {SIGNER} signer with {MASTERS} group is not allowed");
        Err(forbidden(attributes, why))
    }
}
