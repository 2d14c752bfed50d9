//! `NamespaceLifecycle`: nothing new in namespaces that are not there or are going, and some
//! namespaces stay.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use styr_base::SharedClock;
use styr_meta::{Status, StatusCause};

use super::{Parts, forbidden, is_at, is_of};
use crate::attributes::{Admission, AdmissionAttributes, Operation};
use crate::objects::Objects;

/// Namespaces that nobody deletes.
const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];
/// How many deletions are remembered, and how long: until every cache has seen them.
const DELETIONS_MAX: usize = 100;
const DELETION_REMEMBERED: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug)]
struct NamespaceLifecycle {
    objects: Arc<dyn Objects>,
    clock: SharedClock,
    /// Names of namespaces that were just deleted: of these the cache is not believed.
    deleted: Mutex<VecDeque<(String, Timestamp)>>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(NamespaceLifecycle {
        objects: Arc::clone(parts.objects),
        clock: Arc::clone(parts.clock),
        deleted: Mutex::default(),
    })
}

#[async_trait]
impl Admission for NamespaceLifecycle {
    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Delete)
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        if is_at(attributes, "", "namespaces") {
            return self.namespace(attributes);
        }
        let is_review = is_of(
            attributes,
            "authorization.k8s.io",
            "localsubjectaccessreviews",
        );
        let is_create = attributes.operation == Operation::Create;
        if attributes.namespace.is_empty() || is_review || !is_create {
            return Ok(());
        }
        let name = attributes.namespace;
        let Some(namespace) = self.find(name).await else {
            return Err(Status::not_found(("", "namespaces"), name));
        };
        if namespace["status"]["phase"] != "Terminating" {
            return Ok(());
        }
        Err(refusal(attributes))
    }
}

impl NamespaceLifecycle {
    fn namespace(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        if attributes.operation != Operation::Delete {
            return Ok(());
        }
        if IMMORTAL.contains(&attributes.name) {
            return Err(forbidden(attributes, "this namespace may not be deleted"));
        }
        let mut deleted = self.deleted.lock().expect("no holder of this lock panics");
        deleted.push_back((attributes.name.to_owned(), self.clock.now()));
        if deleted.len() > DELETIONS_MAX {
            deleted.pop_front();
        }
        Ok(())
    }

    /// The namespace as it is, from the cache if that can be believed.
    async fn find(&self, name: &str) -> Option<Arc<Value>> {
        if !self.is_just_deleted(name)
            && let Some(cached) = self.objects.get("", "namespaces", None, name)
        {
            return Some(cached);
        }
        self.objects.get_latest("", "namespaces", None, name).await
    }

    fn is_just_deleted(&self, name: &str) -> bool {
        let since = self.clock.now() - DELETION_REMEMBERED;
        let deleted = self.deleted.lock().expect("no holder of this lock panics");
        deleted
            .iter()
            .any(|(known, at)| known == name && *at > since)
    }
}

fn refusal(attributes: &AdmissionAttributes<'_>) -> Status {
    let name = attributes.namespace;
    let why =
        format!("unable to create new content in namespace {name} because it is being terminated");
    let mut refused = forbidden(attributes, why);
    if let Some(details) = &mut refused.details {
        details.causes.push(StatusCause {
            reason: "NamespaceTerminating".to_owned(),
            message: format!("namespace {name} is being terminated"),
            field: "metadata.namespace".to_owned(),
        });
    }
    refused
}
