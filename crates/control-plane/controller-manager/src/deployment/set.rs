//! A ReplicaSet while a pass is planned: as it is, and as it is to become.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Value, json};

use super::revision;

pub(super) const HASH_LABEL: &str = "pod-template-hash";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";

#[derive(Debug, Clone)]
pub(super) struct Set {
    object: Arc<ReplicaSet>,
    exists: bool,
    has_running_pods: bool,
    replicas: i32,
    min_ready: Option<i32>,
    annotations: BTreeMap<String, String>,
}

impl Set {
    pub(super) fn existing(object: Arc<ReplicaSet>, has_running_pods: bool) -> Self {
        Self {
            exists: true,
            has_running_pods,
            ..Self::new(object)
        }
    }

    /// One that is to be created.
    pub(super) fn new(object: Arc<ReplicaSet>) -> Self {
        Self {
            exists: false,
            has_running_pods: false,
            replicas: object.spec.replicas.unwrap_or(1),
            min_ready: object.spec.min_ready_seconds,
            annotations: object.metadata.annotations.clone().unwrap_or_default(),
            object,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    pub(super) fn uid(&self) -> Option<&str> {
        self.object.metadata.uid.as_deref()
    }

    pub(super) fn exists(&self) -> bool {
        self.exists
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.object.metadata.deletion_timestamp.is_some()
    }

    pub(super) fn has_running_pods(&self) -> bool {
        self.has_running_pods
    }

    pub(super) fn replicas(&self) -> i32 {
        self.replicas
    }

    pub(super) fn replicas_before(&self) -> i32 {
        if self.exists {
            self.object.spec.replicas.unwrap_or(1)
        } else {
            0
        }
    }

    pub(super) fn status(&self) -> ReplicaSetStatus {
        self.object.status.clone().unwrap_or_default()
    }

    pub(super) fn available(&self) -> i32 {
        self.status().available_replicas.unwrap_or(0)
    }

    /// Whether its controller has seen its newest spec.
    pub(super) fn is_observed(&self) -> bool {
        self.object.metadata.generation <= self.status().observed_generation
    }

    /// When it was made; what is not there yet is the newest.
    pub(super) fn age_order(&self) -> (bool, Option<jiff::Timestamp>, String) {
        let created = self
            .object
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0);
        (!self.exists, created, self.name().to_owned())
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }

    pub(super) fn revision(&self) -> i64 {
        self.annotation(revision::ANNOTATION)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    /// What the Deployment asked for when this set was last scaled.
    pub(super) fn desired(&self) -> Option<i32> {
        self.annotation(DESIRED)?.parse().ok()
    }

    /// How many pods the Deployment allowed in all then.
    pub(super) fn max(&self) -> Option<i32> {
        self.annotation(MAX)?.parse().ok()
    }

    pub(super) fn set_replicas(&mut self, replicas: i32) {
        self.replicas = replicas;
    }

    pub(super) fn set_min_ready(&mut self, seconds: Option<i32>) {
        self.min_ready = seconds;
    }

    pub(super) fn set_sizes(&mut self, desired: i32, max: i32) {
        self.annotate(DESIRED, desired.to_string());
        self.annotate(MAX, max.to_string());
    }

    pub(super) fn annotate(&mut self, key: &str, value: String) {
        self.annotations.insert(key.to_owned(), value);
    }

    pub(super) fn template(&self) -> PodTemplateSpec {
        self.object.spec.template.clone().unwrap_or_default()
    }

    /// Whether another set makes the same pods.
    pub(super) fn has_template_of(&self, other: &ReplicaSet) -> bool {
        let template = other.spec.template.clone().unwrap_or_default();
        revision::is_same_template(&self.template(), &template)
    }

    /// The object to create, if there is none yet.
    pub(super) fn to_create(&self) -> Option<&ReplicaSet> {
        (!self.exists).then_some(&self.object)
    }

    /// Puts the planned size and annotations into the object that is to be created.
    pub(super) fn finish(&mut self) {
        if self.exists {
            return;
        }
        let mut object = ReplicaSet::clone(&self.object);
        object.spec.replicas = Some(self.replicas);
        object.metadata.annotations = Some(self.annotations.clone());
        self.object = Arc::new(object);
    }

    /// What has to change in the object, if anything.
    pub(super) fn patch(&self) -> Option<Value> {
        let metadata = &self.object.metadata;
        let spec = &self.object.spec;
        let none = BTreeMap::new();
        let before = metadata.annotations.as_ref().unwrap_or(&none);
        let mut annotations = serde_json::Map::new();
        for (key, value) in &self.annotations {
            if before.get(key) != Some(value) {
                annotations.insert(key.clone(), json!(value));
            }
        }
        let is_sized = spec.replicas == Some(self.replicas);
        let is_ready = spec.min_ready_seconds.unwrap_or(0) == self.min_ready.unwrap_or(0);
        if annotations.is_empty() && is_sized && is_ready {
            return None;
        }
        Some(json!({
            "metadata": {
                "uid": metadata.uid, "resourceVersion": metadata.resource_version,
                "annotations": annotations,
            },
            "spec": { "replicas": self.replicas, "minReadySeconds": self.min_ready },
        }))
    }
}
