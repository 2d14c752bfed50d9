//! `StorageObjectInUseProtection`: volumes and claims in use are kept by finalizers.

use std::sync::Arc;

use async_trait::async_trait;
use styr_meta::Status;

use super::{Parts, is_of, items, push};
use crate::attributes::{Admission, AdmissionAttributes, Operation};

/// Group, resource, finalizer.
const PROTECTED: [(&str, &str, &str); 3] = [
    ("", "persistentvolumes", "kubernetes.io/pv-protection"),
    ("", "persistentvolumeclaims", "kubernetes.io/pvc-protection"),
    (
        "storage.k8s.io",
        "volumeattributesclasses",
        "kubernetes.io/vac-protection",
    ),
];

#[derive(Debug)]
struct StorageObjectInUseProtection;

pub(super) fn make(_: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(StorageObjectInUseProtection)
}

#[async_trait]
impl Admission for StorageObjectInUseProtection {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        let found = PROTECTED
            .iter()
            .find(|(group, plural, _)| is_of(attributes, group, plural));
        let Some((_, _, finalizer)) = found else {
            return Ok(());
        };
        let Some(object) = attributes.object.as_deref_mut() else {
            return Ok(());
        };
        let finalizers = &mut object["metadata"]["finalizers"];
        if !items(finalizers).any(|known| known == finalizer) {
            push(finalizers, (*finalizer).into());
        }
        Ok(())
    }
}
