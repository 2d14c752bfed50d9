//! `NamespaceExists`: objects are written only in namespaces that are there.

use std::sync::Arc;

use async_trait::async_trait;
use styr_meta::Status;

use super::{Parts, is_at};
use crate::attributes::{Admission, AdmissionAttributes, Operation};
use crate::objects::Objects;

#[derive(Debug)]
struct NamespaceExists {
    objects: Arc<dyn Objects>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(NamespaceExists {
        objects: Arc::clone(parts.objects),
    })
}

#[async_trait]
impl Admission for NamespaceExists {
    fn handles(&self, operation: Operation) -> bool {
        operation != Operation::Connect
    }

    async fn validate(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        if attributes.namespace.is_empty() || is_at(attributes, "", "namespaces") {
            return Ok(());
        }
        let name = attributes.namespace;
        if self.objects.get("", "namespaces", None, name).is_some() {
            return Ok(());
        }
        match self.objects.get_latest("", "namespaces", None, name).await {
            Some(_) => Ok(()),
            None => Err(Status::not_found(("", "namespaces"), name)),
        }
    }
}
