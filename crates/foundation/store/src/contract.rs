//! What the API server needs of a store.

use std::fmt::Debug;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;

use crate::StoreError;

/// The store's clock: one more with every change.
pub type Revision = i64;

/// A key at one revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Bytes,
    /// Its value; empty in a deletion.
    pub value: Bytes,
    /// When this generation of the key began.
    pub create_revision: Revision,
    /// When this value was written.
    pub mod_revision: Revision,
    /// How often the key was written in this generation.
    pub version: i64,
    /// The lease it goes with; 0 for none.
    pub lease: i64,
}

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Range {
    /// The first key.
    pub start: Bytes,
    /// The first key beyond.
    pub end: Bytes,
    /// As of this revision; 0 is now.
    pub at: Revision,
    /// Keys at most; 0 is all.
    pub limit: usize,
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct RangeAnswer {
    /// The revision as of which the entries hold.
    pub revision: Revision,
    /// In ascending order of their keys.
    pub entries: Vec<KeyValue>,
    /// Whether the limit left some out.
    pub more: bool,
    /// How many were left out.
    pub remaining: usize,
}

/// Whether a key was written or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Written.
    Put,
    /// Deleted.
    Delete,
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// After it; for a deletion key and `mod_revision` only.
    pub current: KeyValue,
    /// Before it.
    pub previous: Option<KeyValue>,
}

/// What a watch says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchItem {
    /// All changes of one revision within the range.
    Events {
        /// Their revision.
        revision: Revision,
        /// In the order of the transaction.
        events: Vec<Event>,
    },
    /// Everything up to this revision has been sent.
    Progress(Revision),
    /// What was asked for, or what came next, is gone; the stream ends.
    Compacted(Revision),
}

/// A running watch; it ends when it is dropped.
pub type WatchStream = Pin<Box<dyn Stream<Item = WatchItem> + Send>>;

/// How a store is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Bytes on disk.
    pub size: u64,
    /// The revision now.
    pub revision: Revision,
}

/// Revisioned keys with compare-and-swap, watch and leases. An answered write is on disk.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// One key, and the revision now.
    async fn get(&self, key: &[u8]) -> Result<(Option<KeyValue>, Revision), StoreError>;

    /// Keys of a range, all as of one revision.
    async fn range(&self, range: Range) -> Result<RangeAnswer, StoreError>;

    /// Writes a key that must not exist; else [`StoreError::Exists`].
    async fn create(&self, key: Bytes, value: Bytes, lease: i64) -> Result<Revision, StoreError>;

    /// Replaces a key that must be at `expected`; else [`StoreError::Conflict`].
    async fn update(
        &self,
        key: Bytes,
        value: Bytes,
        expected: Revision,
        lease: i64,
    ) -> Result<Revision, StoreError>;

    /// Deletes a key that must be at `expected`; else [`StoreError::Conflict`].
    async fn delete(&self, key: Bytes, expected: Revision) -> Result<Revision, StoreError>;

    /// Writes all entries in one transaction if none of the keys exists; else
    /// [`StoreError::Exists`] and nothing is written.
    async fn create_batch(&self, entries: Vec<(Bytes, Bytes)>) -> Result<Revision, StoreError>;

    /// Changes of the keys in `[start, end)` from revision `from` on; 0 is from now on.
    async fn watch(
        &self,
        start: Bytes,
        end: Bytes,
        from: Revision,
    ) -> Result<WatchStream, StoreError>;

    /// A lease that ends, with its keys, after so many seconds.
    async fn grant_lease(&self, ttl_seconds: i64) -> Result<i64, StoreError>;

    /// Forgets what was overwritten or deleted before `at`.
    async fn compact(&self, at: Revision) -> Result<(), StoreError>;

    /// The revision now.
    async fn current_revision(&self) -> Result<Revision, StoreError>;

    /// How the store is.
    async fn status(&self) -> Result<Status, StoreError>;
}
