//! What the store's revision is now, asked once for all who want to know at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use styr_store::{Revision, Store, StoreError};
use tokio::sync::Mutex;

/// Shared by all resources. An answer is good for whoever asked before its request was sent.
#[derive(Debug)]
pub(super) struct Freshness {
    store: Arc<dyn Store>,
    /// Requests that have been sent, answered or not.
    sent: AtomicU64,
    answered: Mutex<Answered>,
}

#[derive(Debug, Default)]
struct Answered {
    request: u64,
    revision: Revision,
}

impl Freshness {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            sent: AtomicU64::new(0),
            answered: Mutex::default(),
        }
    }

    /// A revision that the store had at the time of the call, or later.
    pub(super) async fn now(&self) -> Result<Revision, StoreError> {
        let needed = self.sent.load(Ordering::SeqCst) + 1;
        // Held across the request on purpose: those who wait for it take its answer, if it was
        // sent after they came, and the first of the others sends the next.
        let mut answered = self.answered.lock().await;
        if answered.request >= needed {
            return Ok(answered.revision);
        }
        let request = self.sent.fetch_add(1, Ordering::SeqCst) + 1;
        let revision = self.store.current_revision().await?;
        *answered = Answered { request, revision };
        Ok(revision)
    }
}
