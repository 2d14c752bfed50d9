//! The store as it is, with its open requests counted.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use styr_store::{KeyValue, Range, RangeAnswer, Revision, Status, Store, StoreError, WatchStream};

use crate::idle::Idle;

#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) idle: Arc<Idle>,
}

#[async_trait]
impl Store for Counted {
    async fn get(&self, key: &[u8]) -> Result<(Option<KeyValue>, Revision), StoreError> {
        let _owed = self.idle.owe();
        self.store.get(key).await
    }

    async fn range(&self, range: Range) -> Result<RangeAnswer, StoreError> {
        let _owed = self.idle.owe();
        self.store.range(range).await
    }

    async fn create(&self, key: Bytes, value: Bytes, lease: i64) -> Result<Revision, StoreError> {
        let _owed = self.idle.owe();
        self.store.create(key, value, lease).await
    }

    async fn update(
        &self,
        key: Bytes,
        value: Bytes,
        expected: Revision,
        lease: i64,
    ) -> Result<Revision, StoreError> {
        let _owed = self.idle.owe();
        self.store.update(key, value, expected, lease).await
    }

    async fn delete(&self, key: Bytes, expected: Revision) -> Result<Revision, StoreError> {
        let _owed = self.idle.owe();
        self.store.delete(key, expected).await
    }

    async fn create_batch(&self, entries: Vec<(Bytes, Bytes)>) -> Result<Revision, StoreError> {
        let _owed = self.idle.owe();
        self.store.create_batch(entries).await
    }

    async fn watch(
        &self,
        start: Bytes,
        end: Bytes,
        from: Revision,
    ) -> Result<WatchStream, StoreError> {
        let _owed = self.idle.owe();
        self.store.watch(start, end, from).await
    }

    async fn grant_lease(&self, ttl_seconds: i64) -> Result<i64, StoreError> {
        let _owed = self.idle.owe();
        self.store.grant_lease(ttl_seconds).await
    }

    async fn compact(&self, at: Revision) -> Result<(), StoreError> {
        let _owed = self.idle.owe();
        self.store.compact(at).await
    }

    async fn current_revision(&self) -> Result<Revision, StoreError> {
        let _owed = self.idle.owe();
        self.store.current_revision().await
    }

    async fn status(&self) -> Result<Status, StoreError> {
        let _owed = self.idle.owe();
        self.store.status().await
    }
}
