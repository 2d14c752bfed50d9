//! `CertificateSigning`: who signs requests must be allowed to, for their signer.

use std::sync::Arc;

use async_trait::async_trait;
use styr_meta::Status;

use super::{Parts, forbidden, is_at, signers, text};
use crate::attributes::{Admission, AdmissionAttributes, Authorizer, Operation};

#[derive(Debug)]
struct CertificateSigning {
    authorizers: Vec<Arc<dyn Authorizer>>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(CertificateSigning {
        authorizers: parts.authorizers.to_vec(),
    })
}

#[async_trait]
impl Admission for CertificateSigning {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Update
    }

    async fn validate(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        let is_status = attributes.subresource == "status";
        if !is_status || !is_at(attributes, signers::GROUP, signers::REQUESTS) {
            return Ok(());
        }
        let (Some(new), Some(old)) = (attributes.object.as_deref(), attributes.old_object) else {
            return Ok(());
        };
        let is_same = |field: &str| new["status"][field] == old["status"][field];
        if is_same("certificate") && is_same("conditions") {
            return Ok(());
        }
        let signer = text(&old["spec"]["signerName"]);
        if signers::may(&self.authorizers, attributes, ("sign", signer)).await {
            return Ok(());
        }
        let why = format!("user not permitted to sign requests with signerName {signer:?}");
        Err(forbidden(attributes, why))
    }
}
