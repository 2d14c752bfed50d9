//! What a StatefulSet reports.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSetStatus;
use k8s_openapi::api::core::v1::Pod;

use super::{Pass, revision_of};
use crate::shared::pods;

impl Pass<'_> {
    /// What is about to be deleted no longer counts: by the count, its successor's revision is chosen.
    pub(super) fn status(&self, deleted: &[Arc<Pod>]) -> StatefulSetStatus {
        let set = &self.observed.set;
        let before = set.status.clone().unwrap_or_default();
        let (mut replicas, mut ready, mut available) = (0, 0, 0);
        let (mut current, mut updated) = (0, 0);
        for pod in &self.observed.pods {
            replicas += 1;
            if pods::phase(pod) == "Running" && pods::is_ready(pod) {
                ready += 1;
                available += i32::from(self.is_available(pod));
            }
            let is_going = pod.metadata.deletion_timestamp.is_some()
                || deleted.iter().any(|deleted| Arc::ptr_eq(deleted, pod));
            if !is_going {
                let revision = revision_of(pod);
                current += i32::from(revision == self.observed.current.name);
                updated += i32::from(revision == self.observed.update.name);
            }
        }
        let mut current_revision = self.observed.current.name.clone();
        let strategy = set
            .spec
            .update_strategy
            .as_ref()
            .and_then(|s| s.type_.as_deref());
        let is_done = updated == replicas && ready == replicas && replicas == self.replicas;
        if strategy != Some("OnDelete") && is_done {
            current = updated;
            current_revision.clone_from(&self.observed.update.name);
        }
        // Go leaves out zeros.
        let count = |count: i32| Some(count).filter(|count| *count > 0);
        StatefulSetStatus {
            replicas,
            ready_replicas: count(ready),
            available_replicas: Some(available),
            current_replicas: count(current),
            updated_replicas: count(updated),
            current_revision: Some(current_revision),
            update_revision: Some(self.observed.update.name.clone()),
            observed_generation: set.metadata.generation,
            collision_count: before.collision_count.or(Some(0)),
            conditions: before.conditions,
        }
    }
}
