//! ReplicaSets and ReplicationControllers as the same thing.

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{
    PodTemplateSpec, ReplicationController, ReplicationControllerCondition,
    ReplicationControllerStatus,
};
use std::time::Duration;
use styr_client::{Client, Error, Object};
use styr_meta::labels::Selector;

use crate::shared::selector;

/// What an owner asks for and has reported.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) replicas: usize,
    pub(super) selector: Selector,
    pub(super) template: PodTemplateSpec,
    pub(super) min_ready: Duration,
    pub(super) generation: Option<i64>,
    /// Only ReplicaSets have a field for it.
    pub(super) reports_terminating: bool,
    pub(super) status: ReplicaSetStatus,
}

/// A kind that owns alike pods.
#[async_trait]
pub(super) trait Owner: Object {
    /// Its spec and status in the form of a ReplicaSet's.
    fn wanted(&self) -> Wanted;
    /// Reports a status.
    async fn write_status(&self, client: &Client, status: ReplicaSetStatus) -> Result<Self, Error>;
}

fn seconds(seconds: Option<i32>) -> Duration {
    Duration::from_secs(u64::try_from(seconds.unwrap_or(0)).unwrap_or(0))
}

#[async_trait]
impl Owner for ReplicaSet {
    fn wanted(&self) -> Wanted {
        let spec = self.spec.clone();
        Wanted {
            replicas: usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0),
            selector: selector::of(&spec.selector),
            template: spec.template.unwrap_or_default(),
            min_ready: seconds(spec.min_ready_seconds),
            generation: self.metadata.generation,
            reports_terminating: true,
            status: self.status.clone().unwrap_or_default(),
        }
    }

    async fn write_status(&self, client: &Client, status: ReplicaSetStatus) -> Result<Self, Error> {
        let mut object = self.clone();
        object.status = Some(status);
        client.replace_status(&object).await
    }
}

#[async_trait]
impl Owner for ReplicationController {
    fn wanted(&self) -> Wanted {
        let spec = self.spec.clone().unwrap_or_default();
        let status = self.status.clone().unwrap_or_default();
        let conditions = status.conditions.map(|conditions| {
            let convert = |c: ReplicationControllerCondition| ReplicaSetCondition {
                last_transition_time: c.last_transition_time,
                message: c.message,
                reason: c.reason,
                status: Some(c.status),
                type_: Some(c.type_),
            };
            conditions.into_iter().map(convert).collect()
        });
        Wanted {
            replicas: usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0),
            selector: selector::of_map(spec.selector.as_ref()),
            template: spec.template.unwrap_or_default(),
            min_ready: seconds(spec.min_ready_seconds),
            generation: self.metadata.generation,
            reports_terminating: false,
            status: ReplicaSetStatus {
                available_replicas: status.available_replicas,
                conditions,
                fully_labeled_replicas: status.fully_labeled_replicas,
                observed_generation: status.observed_generation,
                ready_replicas: status.ready_replicas,
                replicas: status.replicas,
                terminating_replicas: None,
            },
        }
    }

    async fn write_status(&self, client: &Client, status: ReplicaSetStatus) -> Result<Self, Error> {
        let conditions = status.conditions.map(|conditions| {
            let convert = |c: ReplicaSetCondition| ReplicationControllerCondition {
                last_transition_time: c.last_transition_time,
                message: c.message,
                reason: c.reason,
                status: c.status.unwrap_or_default(),
                type_: c.type_.unwrap_or_default(),
            };
            conditions.into_iter().map(convert).collect()
        });
        let mut object = self.clone();
        object.status = Some(ReplicationControllerStatus {
            available_replicas: status.available_replicas,
            conditions,
            fully_labeled_replicas: status.fully_labeled_replicas,
            observed_generation: status.observed_generation,
            ready_replicas: status.ready_replicas,
            replicas: status.replicas,
        });
        client.replace_status(&object).await
    }
}
