//! `DefaultStorageClass`: claims that name no class get the default one, the newest of several.

use std::cmp::Reverse;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_meta::Status;

use super::{Parts, is_of, text};
use crate::attributes::{Admission, AdmissionAttributes, Operation};
use crate::objects::Objects;

/// Annotation of the default class, and its older name.
const IS_DEFAULT: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

#[derive(Debug)]
struct DefaultStorageClass {
    objects: Arc<dyn Objects>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(DefaultStorageClass {
        objects: Arc::clone(parts.objects),
    })
}

#[async_trait]
impl Admission for DefaultStorageClass {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_of(attributes, "", "persistentvolumeclaims") {
            return Ok(());
        }
        let Some(claim) = attributes.object.as_deref_mut() else {
            return Ok(());
        };
        // An empty name is a wish as well: no class.
        let has_class = !claim["metadata"]["annotations"][CLASS].is_null()
            || !claim["spec"]["storageClassName"].is_null();
        if has_class {
            return Ok(());
        }
        let classes = self.objects.list("storage.k8s.io", "storageclasses", None);
        if let Some(name) = newest_default(&classes, &IS_DEFAULT) {
            claim["spec"]["storageClassName"] = name.into();
        }
        Ok(())
    }
}

/// The name of the newest of the classes with one of these annotations; of several that are as
/// new, the first by name.
pub(super) fn newest_default(classes: &[Arc<Value>], annotations: &[&str]) -> Option<String> {
    let is_default = |class: &&Arc<Value>| {
        let given = &class["metadata"]["annotations"];
        annotations
            .iter()
            .any(|annotation| given[*annotation] == "true")
    };
    let metadata = classes
        .iter()
        .filter(is_default)
        .map(|class| &class["metadata"]);
    let newest =
        metadata.min_by_key(|it| (Reverse(text(&it["creationTimestamp"])), text(&it["name"])))?;
    Some(text(&newest["name"]).to_owned())
}
