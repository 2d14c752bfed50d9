//! The pods that want a node: ready, waiting out a failure, rejected until something happens, or gated.
//!
//! Invariant: a pod is in exactly one of these, or in none while it is being worked on.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::pod::PodInfo;

/// Upstream's back-off.
const BACKOFF_INITIAL: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A rejected pod is tried again after this time, whatever happens; upstream's value.
const REJECTED_MAX: Duration = Duration::from_secs(5 * 60);

/// By priority, then by age in the queue.
type Place = (Reverse<i32>, u64, String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Ready(Place),
    Waiting(Duration),
    Rejected(Duration),
    Gated,
    Taken,
}

#[derive(Debug)]
struct Entry {
    info: Arc<PodInfo>,
    state: State,
    attempts: u32,
    sequence: u64,
    failed_at: Duration,
    /// The plugins that rejected it; none: whatever happens may help.
    rejected_by: BTreeSet<&'static str>,
}

/// The queue. Times are the clock's monotonic ones.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: HashMap<String, Entry>,
    ready: BTreeSet<Place>,
    /// Pods that come back by time, by when.
    timed: BTreeSet<(Duration, String)>,
    /// Of these, the ones that may come back sooner.
    rejected: HashSet<String>,
    gated: usize,
    sequence: u64,
}

/// How many pods are where.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) active: usize,
    pub(crate) backoff: usize,
    pub(crate) unschedulable: usize,
    pub(crate) gated: usize,
}

impl Queue {
    /// A pod that wants a node, new or changed. A change makes a rejected pod worth another try.
    pub(crate) fn add(&mut self, info: Arc<PodInfo>, is_gated: bool, now: Duration) {
        let uid = info.uid.clone();
        let Some(entry) = self.entries.get_mut(&uid) else {
            self.sequence += 1;
            let entry = Entry {
                info,
                state: State::Gated,
                attempts: 0,
                sequence: self.sequence,
                failed_at: Duration::ZERO,
                rejected_by: BTreeSet::new(),
            };
            self.entries.insert(uid.clone(), entry);
            self.gated += 1;
            if !is_gated {
                self.make_ready(&uid);
            }
            return;
        };
        let is_changed = entry.info.pod.spec != info.pod.spec
            || entry.info.pod.metadata.labels != info.pod.metadata.labels;
        let is_open = entry.state == State::Gated && !is_gated;
        let is_rejected = matches!(entry.state, State::Rejected(_));
        entry.info = info;
        if is_open {
            self.make_ready(&uid);
        } else if is_rejected && is_changed {
            self.try_again(&uid, now);
        }
    }

    /// A pod that needs none any more.
    pub(crate) fn remove(&mut self, uid: &str) {
        self.leave(uid);
        self.entries.remove(uid);
    }

    /// The next pod to work on, and the how many-th try it is.
    pub(crate) fn take(&mut self) -> Option<Arc<PodInfo>> {
        let place = self.ready.pop_first()?;
        let entry = self.entries.get_mut(&place.2)?;
        entry.state = State::Taken;
        entry.attempts += 1;
        Some(Arc::clone(&entry.info))
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The pod fits nowhere; `plugins` said so.
    pub(crate) fn reject(&mut self, uid: &str, plugins: BTreeSet<&'static str>, now: Duration) {
        let due = now + REJECTED_MAX;
        if let Some(entry) = self.entries.get_mut(uid) {
            entry.failed_at = now;
            entry.rejected_by = plugins;
            entry.state = State::Rejected(due);
            self.timed.insert((due, uid.to_owned()));
            self.rejected.insert(uid.to_owned());
        }
    }

    /// The try failed for a reason outside: worth another soon.
    pub(crate) fn fail(&mut self, uid: &str, now: Duration) {
        if let Some(entry) = self.entries.get_mut(uid) {
            entry.failed_at = now;
            self.try_again(uid, now);
        }
    }

    /// Something happened that helps pods which only plugins of `helped` have rejected, or nobody.
    pub(crate) fn wake(&mut self, helps: impl Fn(&str) -> bool, now: Duration) {
        let woken = self.rejected.iter().filter(|uid| {
            let by = self.entries.get(*uid).map(|entry| &entry.rejected_by);
            by.is_some_and(|by| by.is_empty() || by.iter().any(|plugin| helps(plugin)))
        });
        let woken: Vec<String> = woken.cloned().collect();
        for uid in woken {
            self.try_again(&uid, now);
        }
    }

    /// Makes ready whose time has come.
    pub(crate) fn advance(&mut self, now: Duration) {
        while let Some((due, uid)) = self.timed.first().cloned() {
            if due > now {
                return;
            }
            self.make_ready(&uid);
        }
    }

    /// When the next pod comes back by time.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.timed.first().map(|(due, _)| *due)
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            active: self.ready.len(),
            backoff: self.timed.len() - self.rejected.len(),
            unschedulable: self.rejected.len(),
            gated: self.gated,
        }
    }

    fn try_again(&mut self, uid: &str, now: Duration) {
        let Some(entry) = self.entries.get(uid) else {
            return;
        };
        let doublings = entry.attempts.saturating_sub(1).min(10);
        let wait = BACKOFF_INITIAL.saturating_mul(1 << doublings);
        let due = entry.failed_at + wait.min(BACKOFF_MAX);
        if due <= now {
            self.make_ready(uid);
            return;
        }
        self.leave(uid);
        if let Some(entry) = self.entries.get_mut(uid) {
            entry.state = State::Waiting(due);
            self.timed.insert((due, uid.to_owned()));
        }
    }

    fn make_ready(&mut self, uid: &str) {
        self.leave(uid);
        if let Some(entry) = self.entries.get_mut(uid) {
            let place = (Reverse(entry.info.priority), entry.sequence, uid.to_owned());
            entry.state = State::Ready(place.clone());
            self.ready.insert(place);
        }
    }

    /// Takes a pod out of where its state says it is.
    fn leave(&mut self, uid: &str) {
        match self.entries.get(uid).map(|entry| &entry.state) {
            Some(State::Ready(place)) => {
                self.ready.remove(place);
            }
            Some(State::Waiting(due) | State::Rejected(due)) => {
                self.timed.remove(&(*due, uid.to_owned()));
                self.rejected.remove(uid);
            }
            Some(State::Gated) => self.gated -= 1,
            Some(State::Taken) | None => {}
        }
    }
}

#[cfg(test)]
mod tests;
