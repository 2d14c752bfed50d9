//! A read view of what the server stores, for the parts of the server that decide by it.
//!
//! Answers come from the watch caches: no round trip to the store. The registry implements it.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

/// One change of one object, as a subscriber is told.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// It is there now; `old` is what it was, if it was.
    Applied {
        old: Option<&'a Value>,
        new: &'a Value,
    },
    /// It is gone; its last form.
    Deleted(&'a Value),
}

/// Called in order, within the task that keeps the cache: it must be quick and must not block.
pub type Observer = Box<dyn Fn(Change<'_>) + Send + Sync>;

/// Reads from the caches of the server. Groups and resources are those of the storage version
/// (`"", "pods"`; `"rbac.authorization.k8s.io", "clusterroles"`).
#[async_trait]
pub trait Objects: Send + Sync + Debug {
    /// The object as the cache has it. Without a namespace for resources of the cluster.
    fn get(
        &self,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>>;

    /// The object as it is at least at the moment of the call: waits until the cache has seen the
    /// store's current revision.
    async fn get_latest(
        &self,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>>;

    /// All objects of a resource, or of one namespace of it, by name.
    fn list(&self, group: &str, resource: &str, namespace: Option<&str>) -> Vec<Arc<Value>>;

    /// Tells `observer` of everything there is (as `Applied { old: None, .. }`), then of each
    /// change, without gap or repetition.
    fn subscribe(&self, group: &str, resource: &str, observer: Observer);

    /// Whether the caches have been filled; until then answers are incomplete.
    fn is_ready(&self) -> bool;
}
