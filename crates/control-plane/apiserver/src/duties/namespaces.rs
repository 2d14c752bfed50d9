//! The namespaces of every cluster, and what is special about deleting one.

use serde_json::{Value, json};

use super::ensure_object;
use crate::server::State;

const SYSTEM: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

pub(super) async fn ensure(state: &State) {
    let registry = state.resources.builtin("", "namespaces");
    let ensure =
        SYSTEM.map(|name| ensure_object(registry, name, json!({ "metadata": { "name": name } })));
    futures::future::join_all(ensure).await;
}

/// A namespace goes when its own finalizers have gone, too.
#[derive(Debug)]
pub(super) struct Hooks;

impl crate::registry::Hooks for Hooks {
    fn holds(&self, namespace: &Value) -> bool {
        namespace["spec"]["finalizers"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
    }

    fn mark_deleted(&self, namespace: &mut Value) {
        namespace["status"]["phase"] = "Terminating".into();
        // Upstream deletes a namespace without a grace period, and does not say so.
        if let Some(metadata) = namespace["metadata"].as_object_mut() {
            metadata.remove("deletionGracePeriodSeconds");
        }
    }
}
