//! Leases: keys that end together unless somebody keeps them alive.
//!
//! Only granting and ending is logged. After a restart every lease has its full time again, as in
//! etcd, because nobody could keep it alive meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use styr_store::{Event, KeyValue};

/// All leases, with deadlines on the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    leases: BTreeMap<i64, Lease>,
    deadlines: BTreeSet<(Duration, i64)>,
}

#[derive(Debug)]
struct Lease {
    ttl: i64,
    deadline: Duration,
    keys: BTreeSet<Bytes>,
}

impl Leases {
    pub(crate) fn contains(&self, lease: i64) -> bool {
        self.leases.contains_key(&lease)
    }

    /// Adds a lease that ends `ttl` seconds after `now`.
    pub(crate) fn grant(&mut self, lease: i64, ttl: i64, now: Duration) {
        let deadline = now + seconds(ttl);
        self.leases.insert(
            lease,
            Lease {
                ttl,
                deadline,
                keys: BTreeSet::new(),
            },
        );
        self.deadlines.insert((deadline, lease));
    }

    /// Forgets a lease; answers its keys.
    pub(crate) fn revoke(&mut self, lease: i64) -> Option<BTreeSet<Bytes>> {
        let ended = self.leases.remove(&lease)?;
        self.deadlines.remove(&(ended.deadline, lease));
        Some(ended.keys)
    }

    /// Gives a lease its full time again; answers that time.
    pub(crate) fn keep_alive(&mut self, lease: i64, now: Duration) -> Option<i64> {
        let kept = self.leases.get_mut(&lease)?;
        self.deadlines.remove(&(kept.deadline, lease));
        kept.deadline = now + seconds(kept.ttl);
        self.deadlines.insert((kept.deadline, lease));
        Some(kept.ttl)
    }

    /// Gives all leases their full time again: the clock starts anew with the process.
    pub(crate) fn restart(&mut self, now: Duration) {
        for lease in self.ids() {
            self.keep_alive(lease, now);
        }
    }

    /// Keeps the leases' keys in step with a change.
    pub(crate) fn follow(&mut self, event: &Event) {
        let before = event.previous.as_ref().map_or(0, |previous| previous.lease);
        let after = event.current.lease;
        if before != after
            && let Some(lease) = self.leases.get_mut(&before)
        {
            lease.keys.remove(&event.current.key);
        }
        if let Some(lease) = self.leases.get_mut(&after) {
            lease.keys.insert(event.current.key.clone());
        }
    }

    /// Puts a key of a snapshot under its lease.
    pub(crate) fn attach(&mut self, key_value: &KeyValue) {
        if let Some(lease) = self.leases.get_mut(&key_value.lease) {
            lease.keys.insert(key_value.key.clone());
        }
    }

    /// The next lease to end, and when.
    pub(crate) fn next(&self) -> Option<(Duration, i64)> {
        self.deadlines.first().copied()
    }

    /// Granted time, remaining time and keys of a lease.
    pub(crate) fn look(&self, lease: i64, now: Duration) -> Option<(i64, i64, Vec<Bytes>)> {
        let found = self.leases.get(&lease)?;
        let remaining = found.deadline.saturating_sub(now).as_secs();
        let remaining = i64::try_from(remaining).unwrap_or(i64::MAX);
        Some((found.ttl, remaining, found.keys.iter().cloned().collect()))
    }

    pub(crate) fn ids(&self) -> Vec<i64> {
        self.leases.keys().copied().collect()
    }

    /// Ids with their granted times, for a snapshot.
    pub(crate) fn all(&self) -> impl Iterator<Item = (i64, i64)> {
        self.leases.iter().map(|(id, lease)| (*id, lease.ttl))
    }
}

fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}
