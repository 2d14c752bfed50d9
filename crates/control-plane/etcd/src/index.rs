//! All keys with their revisions since the last compaction, and what changed in each revision.
//!
//! Revisions are contiguous: `history[i]` is revision `compacted + 1 + i`.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use styr_store::{Event, EventKind, KeyValue, Revision};

use crate::record::Change;

/// What one revision changed.
pub(crate) type Events = Arc<[Event]>;

/// The keys and their past.
#[derive(Debug)]
pub(crate) struct Index {
    keys: BTreeMap<Bytes, Vec<Version>>,
    history: VecDeque<Events>,
    revision: Revision,
    compacted: Revision,
}

/// A key from one revision on.
#[derive(Debug, Clone)]
pub(crate) enum Version {
    /// It has this value.
    Value(KeyValue),
    /// It is deleted.
    Deleted(Revision),
}

impl Version {
    fn revision(&self) -> Revision {
        match self {
            Self::Value(key_value) => key_value.mod_revision,
            Self::Deleted(revision) => *revision,
        }
    }
}

impl Default for Index {
    /// etcd starts at revision 1.
    fn default() -> Self {
        Self {
            keys: BTreeMap::new(),
            history: VecDeque::new(),
            revision: 1,
            compacted: 1,
        }
    }
}

impl Index {
    /// The last revision, durable or not.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// The oldest revision that can be read.
    pub(crate) fn compacted(&self) -> Revision {
        self.compacted
    }

    /// A key as of a revision.
    pub(crate) fn get(&self, key: &[u8], at: Revision) -> Option<&KeyValue> {
        as_of(self.keys.get(key)?, at)
    }

    /// All keys of `[start, end)` as of a revision; `end` of one zero byte is no end.
    pub(crate) fn range(
        &self,
        start: &[u8],
        end: &[u8],
        at: Revision,
    ) -> impl Iterator<Item = &KeyValue> {
        let upper = if end == [0] {
            Bound::Unbounded
        } else {
            Bound::Excluded(end)
        };
        let is_empty = end != [0] && start >= end;
        let (lower, upper) = match is_empty {
            // A range that is backwards would panic.
            true => (Bound::Included(start), Bound::Excluded(start)),
            false => (Bound::Included(start), upper),
        };
        self.keys
            .range::<[u8], _>((lower, upper))
            .filter_map(move |(_, versions)| as_of(versions, at))
    }

    /// Applies all changes of the next revision and answers the events that they are.
    pub(crate) fn apply(&mut self, revision: Revision, changes: &[Change]) -> Events {
        assert_eq!(revision, self.revision + 1, "revisions are contiguous");
        let events: Vec<Event> = changes
            .iter()
            .map(|change| self.apply_change(revision, change))
            .collect();
        let events: Events = events.into();
        self.revision = revision;
        self.history.push_back(Arc::clone(&events));
        events
    }

    fn apply_change(&mut self, revision: Revision, change: &Change) -> Event {
        let (key, version) = match change {
            Change::Put(key_value) => (&key_value.key, Version::Value(key_value.clone())),
            Change::Delete(key) => (key, Version::Deleted(revision)),
        };
        let versions = match self.keys.get_mut(key) {
            Some(versions) => versions,
            None => self.keys.entry(key.clone()).or_default(),
        };
        let previous = match versions.last() {
            Some(Version::Value(key_value)) => Some(key_value.clone()),
            _ => None,
        };
        let (kind, current) = match &version {
            Version::Value(key_value) => (EventKind::Put, key_value.clone()),
            Version::Deleted(_) => {
                let current = KeyValue {
                    key: key.clone(),
                    mod_revision: revision,
                    ..KeyValue::default()
                };
                (EventKind::Delete, current)
            }
        };
        versions.push(version);
        Event {
            kind,
            current,
            previous,
        }
    }

    /// What revision `from` and those after it changed, up to `to`.
    pub(crate) fn changes(
        &self,
        from: Revision,
        to: Revision,
    ) -> impl Iterator<Item = (Revision, &Events)> {
        let skip = usize::try_from(from - self.compacted - 1).unwrap_or(0);
        let first = self.compacted + 1 + i64::try_from(skip).expect("came from an i64");
        (first..=to).zip(self.history.iter().skip(skip))
    }

    /// Forgets what was overwritten or deleted before `at`.
    pub(crate) fn compact(&mut self, at: Revision) {
        let count = usize::try_from(at - self.compacted)
            .unwrap_or(0)
            .min(self.history.len());
        for events in self.history.drain(..count).collect::<Vec<_>>() {
            for event in events.iter() {
                self.compact_key(&event.current.key, at);
            }
        }
        self.compacted = self.compacted.max(at);
    }

    fn compact_key(&mut self, key: &Bytes, at: Revision) {
        let Some(versions) = self.keys.get_mut(key) else {
            return;
        };
        let visible = versions
            .iter()
            .rposition(|version| version.revision() <= at);
        let Some(mut first) = visible else { return };
        if matches!(versions[first], Version::Deleted(_)) {
            first += 1;
        }
        versions.drain(..first);
        if versions.is_empty() {
            self.keys.remove(key);
        } else if versions.len() == 1 {
            versions.shrink_to_fit();
        }
    }

    /// Every key as of the last compaction, for a snapshot.
    pub(crate) fn base(&self) -> impl Iterator<Item = &KeyValue> {
        self.keys
            .values()
            .filter_map(|versions| as_of(versions, self.compacted))
    }

    /// Puts a key of a snapshot in its place.
    pub(crate) fn restore_base(&mut self, key_value: KeyValue) {
        self.keys
            .insert(key_value.key.clone(), vec![Version::Value(key_value)]);
    }

    /// Where a snapshot's base stands.
    pub(crate) fn restore_revision(&mut self, compacted: Revision) {
        self.compacted = compacted;
        self.revision = compacted;
    }
}

fn as_of(versions: &[Version], at: Revision) -> Option<&KeyValue> {
    match versions
        .iter()
        .rev()
        .find(|version| version.revision() <= at)?
    {
        Version::Value(key_value) => Some(key_value),
        Version::Deleted(_) => None,
    }
}

#[cfg(test)]
mod tests;
