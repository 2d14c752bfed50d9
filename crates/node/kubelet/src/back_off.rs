//! Back-off by name, counted from when something failed: upstream's `flowcontrol.Backoff`.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

const INITIAL: SignedDuration = SignedDuration::from_secs(10);
const MAX: SignedDuration = SignedDuration::from_secs(300);
/// After this long without a failure, all is forgotten.
const FORGET_AFTER: SignedDuration = SignedDuration::from_secs(600);

#[derive(Debug, Clone, Copy)]
struct Entry {
    wait: SignedDuration,
    updated: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct BackOff {
    entries: HashMap<String, Entry>,
}

impl BackOff {
    /// How long the wait is and when it ends, if `name`, which failed at `failed`, has to wait.
    pub(crate) fn waiting(
        &self,
        name: &str,
        failed: Timestamp,
        now: Timestamp,
    ) -> Option<(SignedDuration, Timestamp)> {
        let entry = self.entries.get(name)?;
        if failed.duration_since(entry.updated) > FORGET_AFTER {
            return None;
        }
        let until = failed + entry.wait;
        (now < until).then_some((entry.wait, until))
    }

    /// When a name that failed last at the entry's own time may be tried again.
    pub(crate) fn pending(&self, name: &str, now: Timestamp) -> Option<Timestamp> {
        let entry = self.entries.get(name)?;
        let until = entry.updated + entry.wait;
        (now < until).then_some(until)
    }

    /// Counts one more try.
    pub(crate) fn next(&mut self, name: &str, failed: Timestamp, now: Timestamp) {
        let known = self.entries.get(name);
        let known = known.filter(|e| failed.duration_since(e.updated) <= FORGET_AFTER);
        let wait = known.map_or(INITIAL, |entry| (entry.wait * 2).min(MAX));
        self.entries
            .insert(name.to_owned(), Entry { wait, updated: now });
    }

    pub(crate) fn reset(&mut self, name: &str) {
        self.entries.remove(name);
    }
}

#[cfg(test)]
mod tests;
