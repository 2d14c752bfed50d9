//! When time may move on: the runtime has nothing to run, and the store owes nobody an answer.
//!
//! The runtime has one thread and says when it is about to sleep. Only the store works beside it;
//! its watchers are woken before its writers are answered, so counting requests is enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use styr_base::SteppedClock;
use tokio::sync::Notify;

/// Shared by the runtime, the store and the one who moves time.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    owed: AtomicUsize,
    asleep: Notify,
}

/// A request to the store that has no answer yet.
#[derive(Debug)]
pub(crate) struct Owed(Arc<Idle>);

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.owed.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Idle {
    /// Time stands still until what is returned is dropped.
    pub(crate) fn owe(self: &Arc<Self>) -> Owed {
        self.owed.fetch_add(1, Ordering::SeqCst);
        Owed(Arc::clone(self))
    }

    /// The runtime is about to sleep.
    pub(crate) fn parked(&self) {
        if self.owed.load(Ordering::SeqCst) == 0 {
            self.asleep.notify_one();
        }
    }

    /// Moves time to the next moment that somebody waits for, again and again.
    pub(crate) async fn drive(&self, clock: &SteppedClock) {
        loop {
            self.asleep.notified().await;
            if self.owed.load(Ordering::SeqCst) > 0 {
                continue;
            }
            if let Some(due) = clock.next_due() {
                clock.step(due);
            }
        }
    }
}
