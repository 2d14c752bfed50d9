//! Why the store did not do what was asked.

use crate::contract::{KeyValue, Revision};

/// The failures that callers tell apart.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `create` found the key.
    #[error("key exists already")]
    Exists,
    /// The key is not at the expected revision any more.
    #[error("key was changed by another writer")]
    Conflict {
        /// What is there now; nothing if it was deleted.
        current: Option<KeyValue>,
    },
    /// The revision was compacted away.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted {
        /// The oldest revision that can still be read.
        oldest: Revision,
    },
    /// The revision has not been reached.
    #[error("etcdserver: mvcc: required revision is a future revision")]
    Future {
        /// The revision now.
        current: Revision,
    },
    /// The request is larger than the store takes.
    #[error("etcdserver: request is too large")]
    TooLarge {
        /// Bytes of the request.
        size: usize,
        /// Bytes at most.
        max: usize,
    },
    /// The lease is not known.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// The lease is there already.
    #[error("etcdserver: lease already exists")]
    LeaseExists,
    /// A request that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The store cannot be reached, or has stopped after a fault of its disk.
    #[error("store is unavailable: {0}")]
    Unavailable(String),
}
