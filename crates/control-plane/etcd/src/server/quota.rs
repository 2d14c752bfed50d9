//! How large the store may grow on disk: `--quota-backend-bytes`.
//!
//! The size is looked at again after so much has been written, so the limit is held to within that
//! much. Beyond it writes are refused in etcd's words; reads, deletions and compaction go on, and
//! once they have made room, writes do as well.

use std::sync::atomic::{AtomicU64, Ordering};

use styr_store::StoreError;
use tonic::Status;

use crate::txn::{Op, Txn};
use crate::{Engine, server};

/// Looking at the size lists the files: once for so many written bytes is seldom enough.
const LOOK_EVERY: u64 = 1 << 20;

/// The limit, and what was written since the size was looked at.
#[derive(Debug)]
pub(crate) struct Quota {
    bytes_max: Option<u64>,
    /// Begins so that the first write looks.
    unseen: AtomicU64,
}

impl Quota {
    /// A limit in bytes; nothing is no limit.
    pub(crate) fn new(bytes_max: Option<u64>) -> Self {
        Self {
            bytes_max,
            unseen: AtomicU64::new(LOOK_EVERY),
        }
    }

    /// Whether a request may be written.
    pub(crate) fn admit(&self, engine: &Engine, request: &Txn) -> Result<(), Status> {
        let Some(max) = self.bytes_max else {
            return Ok(());
        };
        let wanted = puts(request);
        if wanted == 0 || self.unseen.fetch_add(wanted, Ordering::Relaxed) < LOOK_EVERY {
            return Ok(());
        }
        let state = engine.state();
        let size = state
            .map_err(|error: StoreError| server::status(&error))?
            .size;
        if size > max {
            // The next write looks again.
            let text = "etcdserver: mvcc: database space exceeded";
            return Err(Status::resource_exhausted(text));
        }
        self.unseen.store(0, Ordering::Relaxed);
        Ok(())
    }
}

/// Bytes of keys and values that a request puts.
fn puts(request: &Txn) -> u64 {
    let operations = request.success.iter().chain(&request.failure);
    operations
        .map(|operation| match operation {
            Op::Put { key, value, .. } => {
                (key.len() + value.as_ref().map_or(0, bytes::Bytes::len)) as u64
            }
            Op::Txn(inner) => puts(inner),
            Op::Delete { .. } | Op::Range(_) => 0,
        })
        .sum()
}
