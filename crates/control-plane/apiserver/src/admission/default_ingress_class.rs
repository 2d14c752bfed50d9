//! `DefaultIngressClass`: ingresses that name no class get the default one, the newest of several.

use std::sync::Arc;

use async_trait::async_trait;
use styr_meta::Status;

use super::default_storage_class::newest_default;
use super::{Parts, is_of};
use crate::attributes::{Admission, AdmissionAttributes, Operation};
use crate::objects::Objects;

const GROUP: &str = "networking.k8s.io";
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
const CLASS: &str = "kubernetes.io/ingress.class";

#[derive(Debug)]
struct DefaultIngressClass {
    objects: Arc<dyn Objects>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(DefaultIngressClass {
        objects: Arc::clone(parts.objects),
    })
}

#[async_trait]
impl Admission for DefaultIngressClass {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_of(attributes, GROUP, "ingresses") {
            return Ok(());
        }
        let Some(ingress) = attributes.object.as_deref_mut() else {
            return Ok(());
        };
        let has_class = !ingress["spec"]["ingressClassName"].is_null()
            || !ingress["metadata"]["annotations"][CLASS].is_null();
        if has_class {
            return Ok(());
        }
        let classes = self.objects.list(GROUP, "ingressclasses", None);
        if let Some(name) = newest_default(&classes, &[IS_DEFAULT]) {
            ingress["spec"]["ingressClassName"] = name.into();
        }
        Ok(())
    }
}
