//! `CertificateApproval`: who approves requests must be allowed to, for their signer.

use std::sync::Arc;

use async_trait::async_trait;
use styr_meta::Status;

use super::{Parts, forbidden, is_at, signers, text};
use crate::attributes::{Admission, AdmissionAttributes, Authorizer, Operation};

#[derive(Debug)]
struct CertificateApproval {
    authorizers: Vec<Arc<dyn Authorizer>>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(CertificateApproval {
        authorizers: parts.authorizers.to_vec(),
    })
}

#[async_trait]
impl Admission for CertificateApproval {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Update
    }

    async fn validate(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        let is_approval = attributes.subresource == "approval";
        if !is_approval || !is_at(attributes, signers::GROUP, signers::REQUESTS) {
            return Ok(());
        }
        // The stored signer counts: whoever changes it here is refused by validation.
        let Some(old) = attributes.old_object else {
            return Ok(());
        };
        let signer = text(&old["spec"]["signerName"]);
        if signers::may(&self.authorizers, attributes, ("approve", signer)).await {
            return Ok(());
        }
        let why = format!("user not permitted to approve requests with signerName {signer:?}");
        Err(forbidden(attributes, why))
    }
}
