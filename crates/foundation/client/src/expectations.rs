//! What a controller has asked for and not yet seen in its cache.
//!
//! A controller that creates or deletes counts on it here; until the cache has caught up it does not
//! count again, or it would create the same thing twice. Expectations that are never met are
//! forgotten after five minutes, as upstream forgets them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use styr_base::SharedClock;

use crate::Key;

/// Upstream's `ExpectationsTimeout`.
const EXPIRY: Duration = Duration::from_secs(300);

/// The expectations of one controller, by the name of the owner. Clones share them.
#[derive(Debug, Clone)]
pub struct Expectations {
    clock: SharedClock,
    by_owner: Arc<Mutex<HashMap<Key, Expected>>>,
}

#[derive(Debug)]
struct Expected {
    creations: usize,
    deletions: HashSet<Key>,
    since: Duration,
}

impl Expectations {
    /// Without any.
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            by_owner: Arc::default(),
        }
    }

    /// Whether all that was asked for has been seen, or will not be waited for any longer.
    pub fn satisfied(&self, owner: &Key) -> bool {
        let now = self.clock.monotonic();
        self.lock().get(owner).is_none_or(|expected| {
            let is_met = expected.creations == 0 && expected.deletions.is_empty();
            is_met || now.saturating_sub(expected.since) > EXPIRY
        })
    }

    /// This many objects are about to be created.
    pub fn expect_creations(&self, owner: &Key, count: usize) {
        self.expect(owner, count, HashSet::new());
    }

    /// These objects are about to be deleted.
    pub fn expect_deletions(&self, owner: &Key, objects: impl IntoIterator<Item = Key>) {
        self.expect(owner, 0, objects.into_iter().collect());
    }

    fn expect(&self, owner: &Key, creations: usize, deletions: HashSet<Key>) {
        let since = self.clock.monotonic();
        let mut by_owner = self.lock();
        let expected = by_owner.entry(owner.clone()).or_insert(Expected {
            creations: 0,
            deletions: HashSet::new(),
            since,
        });
        if since.saturating_sub(expected.since) > EXPIRY {
            expected.creations = 0;
            expected.deletions.clear();
        }
        expected.creations += creations;
        expected.deletions.extend(deletions);
        expected.since = since;
    }

    /// One object has appeared, or will not be created after all.
    pub fn creation_observed(&self, owner: &Key) {
        if let Some(expected) = self.lock().get_mut(owner) {
            expected.creations = expected.creations.saturating_sub(1);
        }
    }

    /// An object has gone or is going, or will not be deleted after all.
    pub fn deletion_observed(&self, owner: &Key, object: &Key) {
        if let Some(expected) = self.lock().get_mut(owner) {
            expected.deletions.remove(object);
        }
    }

    /// The owner is gone.
    pub fn forget(&self, owner: &Key) {
        self.lock().remove(owner);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Expected>> {
        self.by_owner.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests;
