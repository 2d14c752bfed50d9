//! `PersistentVolumeClaimResize`: claims grow only if they are bound and their class allows it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_meta::{Quantity, Status};

use super::{Parts, forbidden, is_of, text};
use crate::attributes::{Admission, AdmissionAttributes, Operation};
use crate::objects::Objects;

const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

#[derive(Debug)]
struct PersistentVolumeClaimResize {
    objects: Arc<dyn Objects>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(PersistentVolumeClaimResize {
        objects: Arc::clone(parts.objects),
    })
}

#[async_trait]
impl Admission for PersistentVolumeClaimResize {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Update
    }

    async fn validate(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_of(attributes, "", "persistentvolumeclaims") {
            return Ok(());
        }
        let (Some(claim), Some(old)) = (attributes.object.as_deref(), attributes.old_object) else {
            return Ok(());
        };
        if size(claim) <= size(old) {
            return Ok(());
        }
        if old["status"]["phase"] != "Bound" {
            let why = "Only bound persistent volume claims can be expanded";
            return Err(forbidden(attributes, why));
        }
        if !self.may_grow(claim, old) {
            let why = "only dynamically provisioned pvc can be resized and the storageclass that \
                       provisions the pvc must support resize";
            return Err(forbidden(attributes, why));
        }
        Ok(())
    }
}

impl PersistentVolumeClaimResize {
    fn may_grow(&self, claim: &Value, old: &Value) -> bool {
        let name = class(claim);
        if name.is_empty() || name != class(old) {
            return false;
        }
        let class = self
            .objects
            .get("storage.k8s.io", "storageclasses", None, name);
        class.is_some_and(|class| class["allowVolumeExpansion"] == true)
    }
}

fn size(claim: &Value) -> Quantity {
    let request = &claim["spec"]["resources"]["requests"]["storage"];
    Quantity::from_value(request).unwrap_or_else(Quantity::zero)
}

fn class(claim: &Value) -> &str {
    let annotated = claim["metadata"]["annotations"][CLASS].as_str();
    annotated.unwrap_or_else(|| text(&claim["spec"]["storageClassName"]))
}
