//! How far the caches are: every change of the store up to this revision has been applied.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use styr_base::SharedClock;
use styr_meta::Status;
use styr_store::Revision;
use tokio::sync::watch;

/// How long a reader waits for the caches to catch up, as upstream does.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// Shared by all caches, which are fed by one watch of the whole store: that is why any write, of
/// whatever resource, moves it, and why it reaches the store's own revision without being asked.
#[derive(Debug)]
pub struct Progress {
    clock: SharedClock,
    applied: watch::Sender<Revision>,
    /// Lists of revisions before this one are refused.
    compacted: AtomicI64,
}

impl Progress {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            applied: watch::Sender::new(0),
            compacted: AtomicI64::new(0),
        }
    }

    /// The revision up to which everything has been applied; 0 before the first load.
    pub fn applied(&self) -> Revision {
        *self.applied.borrow()
    }

    pub(crate) fn reached(&self, revision: Revision) {
        self.applied.send_if_modified(|applied| {
            let is_later = revision > *applied;
            if is_later {
                *applied = revision;
            }
            is_later
        });
    }

    /// Waits until everything up to `revision` has been applied.
    pub async fn wait(&self, revision: Revision) -> Result<(), Status> {
        if self.applied() >= revision {
            return Ok(());
        }
        let mut applied = self.applied.subscribe();
        tokio::select! {
            waited = applied.wait_for(|applied| *applied >= revision) => {
                waited.map(drop).map_err(|_| crate::status::shutting_down())
            }
            () = self.clock.sleep(WAIT_MAX) => {
                Err(crate::status::too_large_resource_version(revision, self.applied()))
            }
        }
    }

    /// Forgets revisions before `revision`. The caches may know them still, but a client must not
    /// depend on how much was written: it is told that they are gone, as the store would.
    pub(crate) fn forget_before(&self, revision: Revision) {
        self.compacted.fetch_max(revision, Ordering::Relaxed);
    }

    pub(super) fn is_forgotten(&self, revision: Revision) -> bool {
        revision < self.compacted.load(Ordering::Relaxed)
    }

    /// Waits until something has been applied after `revision`.
    pub async fn moved_beyond(&self, revision: Revision) {
        let mut applied = self.applied.subscribe();
        // The sender lives as long as `self`.
        let _ = applied.wait_for(|applied| *applied > revision).await;
    }

    /// Waits for the first load, however long that takes.
    pub async fn loaded(&self) {
        let mut applied = self.applied.subscribe();
        // The sender lives as long as `self`.
        let _ = applied.wait_for(|applied| *applied > 0).await;
    }
}
