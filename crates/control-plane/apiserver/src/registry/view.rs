//! The registry as the deciding parts of the server see it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::Resources;
use super::read::At;
use crate::objects::{Objects, Observer};

#[async_trait]
impl Objects for Resources {
    fn get(
        &self,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>> {
        let registry = Self::get(self, group, resource)?;
        let key = registry.key(namespace.unwrap_or(""), name);
        registry
            .cache
            .get(&key)
            .map(|entry| Arc::new(entry.value()))
    }

    async fn get_latest(
        &self,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<Value>> {
        let registry = Self::get(self, group, resource)?;
        let found = registry
            .find(namespace.unwrap_or(""), name, At::Latest)
            .await;
        found.ok()?.map(|entry| Arc::new(entry.value()))
    }

    fn list(&self, group: &str, resource: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        let Some(registry) = Self::get(self, group, resource) else {
            return Vec::new();
        };
        let prefix = namespace
            .map(|namespace| format!("{namespace}/"))
            .unwrap_or_default();
        let (snapshot, _) = registry.cache.snapshot();
        snapshot
            .range(&prefix, "")
            .map(|entry| Arc::new(entry.value()))
            .collect()
    }

    fn subscribe(&self, group: &str, resource: &str, observer: Observer) {
        if let Some(registry) = Self::get(self, group, resource) {
            registry.cache.subscribe(observer);
        }
    }

    fn is_ready(&self) -> bool {
        self.progress.applied() > 0
    }
}
