//! The watch cache of one resource: a snapshot of its objects and a ring of its latest changes.
//!
//! One task writes (`feed`); any number read. A watcher is a cursor into the ring: a slow one is
//! overtaken and told so, and never holds up writers or others.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use styr_base::SharedClock;
use styr_store::Revision;
use tokio::sync::watch;

use super::entry::Entry;
use super::snapshot::Snapshot;
use crate::objects::{Change as ObjectChange, Observer};

/// Changes that are kept at most; a watcher that is further behind must list anew.
const RING_MAX: usize = 32_768;
/// Changes that are kept however old they are.
const RING_MIN: usize = 512;
/// How long changes are kept beyond [`RING_MIN`], as upstream does.
const RING_AGE: Duration = Duration::from_secs(75);
/// Changes that a watcher takes at once.
const BATCH_MAX: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One change of one object.
#[derive(Debug, Clone)]
pub struct Change {
    pub kind: ChangeKind,
    /// The object now; for a deletion its last form, at the revision of the deletion.
    pub entry: Arc<Entry>,
    /// The object before.
    pub previous: Option<Arc<Entry>>,
}

/// A write as the feed hands it over.
#[derive(Debug)]
pub(crate) enum Write {
    Put(Arc<Entry>),
    Delete { key: String, revision: Revision },
}

/// The cache of one resource.
pub struct Cache {
    clock: SharedClock,
    state: RwLock<State>,
    head: watch::Sender<u64>,
    observers: Mutex<Vec<Observer>>,
}

struct State {
    snapshot: Snapshot,
    /// Revision of the last change that is in `snapshot`.
    revision: Revision,
    ring: VecDeque<(Change, Duration)>,
    /// Sequence number of the ring's front.
    first: u64,
    /// A watch can begin behind any revision from here on.
    oldest: Revision,
    /// Counts how often the cache was filled anew; cursors of before are void.
    generation: u64,
}

/// A watcher's place in the ring.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    next: u64,
    generation: u64,
}

/// The ring has passed the cursor.
#[derive(Debug, Clone, Copy)]
pub struct Overtaken;

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

impl Cache {
    pub(crate) fn new(clock: SharedClock) -> Self {
        let state = State {
            snapshot: Snapshot::default(),
            revision: 0,
            ring: VecDeque::new(),
            first: 0,
            oldest: 0,
            generation: 0,
        };
        Self {
            clock,
            state: RwLock::new(state),
            head: watch::Sender::new(0),
            observers: Mutex::default(),
        }
    }

    /// All objects, and the revision of the last change among them.
    pub fn snapshot(&self) -> (Snapshot, Revision) {
        let state = self.read();
        (state.snapshot.clone(), state.revision)
    }

    pub fn get(&self, key: &str) -> Option<Arc<Entry>> {
        self.read().snapshot.get(key).cloned()
    }

    pub fn len(&self) -> usize {
        self.read().snapshot.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cursor behind `revision`; refused if changes after it are no longer known. Changes up to
    /// `revision` may still follow from it, and are to be left out.
    pub fn cursor_behind(&self, revision: Revision) -> Result<Cursor, Revision> {
        let state = self.read();
        if revision < state.oldest {
            return Err(state.oldest);
        }
        let passed = state
            .ring
            .partition_point(|(change, _)| change.entry.revision() <= revision);
        Ok(Cursor {
            next: state.first + passed as u64,
            generation: state.generation,
        })
    }

    /// All objects and a cursor behind them.
    pub fn snapshot_and_cursor(&self) -> (Snapshot, Revision, Cursor) {
        let state = self.read();
        let next = state.first + state.ring.len() as u64;
        let cursor = Cursor {
            next,
            generation: state.generation,
        };
        (state.snapshot.clone(), state.revision, cursor)
    }

    /// Takes the next changes, a bounded number; none if there are none.
    pub fn advance(&self, cursor: &mut Cursor) -> Result<Vec<Change>, Overtaken> {
        let state = self.read();
        if cursor.generation != state.generation || cursor.next < state.first {
            return Err(Overtaken);
        }
        let skip = usize::try_from(cursor.next - state.first).expect("the ring is in memory");
        let batch: Vec<Change> = state
            .ring
            .iter()
            .skip(skip)
            .take(BATCH_MAX)
            .map(|(change, _)| change.clone())
            .collect();
        cursor.next += batch.len() as u64;
        Ok(batch)
    }

    /// Changes whenever there is something for [`Cache::advance`].
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// See [`crate::objects::Objects::subscribe`].
    pub(crate) fn subscribe(&self, observer: Observer) {
        let mut observers = self
            .observers
            .lock()
            .expect("no holder of this lock panics");
        // Writers need `observers` before they tell, so nothing is missed or told twice.
        let (snapshot, _) = self.snapshot();
        for entry in snapshot.iter() {
            observer(ObjectChange::Applied {
                old: None,
                new: &entry.value(),
            });
        }
        observers.push(observer);
    }

    /// Applies writes in the order of their revisions.
    pub(crate) fn apply(&self, writes: Vec<Write>) {
        let observers = self
            .observers
            .lock()
            .expect("no holder of this lock panics");
        let now = self.clock.monotonic();
        let mut told = Vec::new();
        let head = {
            let mut state = self.state.write().expect("no holder of this lock panics");
            for write in writes {
                if let Some(change) = state.apply(write) {
                    if !observers.is_empty() {
                        told.push(change.clone());
                    }
                    state.ring.push_back((change, now));
                }
            }
            state.trim(now);
            state.first + state.ring.len() as u64
        };
        for change in &told {
            tell(&observers, change);
        }
        self.head.send_replace(head);
    }

    /// Replaces everything: at the start, and when changes were missed. Watchers must list anew.
    pub(crate) fn fill(&self, entries: Vec<Arc<Entry>>, revision: Revision) {
        let observers = self
            .observers
            .lock()
            .expect("no holder of this lock panics");
        let mut snapshot = Snapshot::default();
        for entry in entries {
            snapshot.insert(entry);
        }
        let old = {
            let mut state = self.state.write().expect("no holder of this lock panics");
            state.ring.clear();
            state.generation += 1;
            state.oldest = revision;
            state.revision = revision;
            std::mem::replace(&mut state.snapshot, snapshot.clone())
        };
        if !observers.is_empty() {
            for change in difference(&old, &snapshot) {
                tell(&observers, &change);
            }
        }
        self.head.send_modify(|_| {});
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().expect("no holder of this lock panics")
    }
}

impl State {
    fn apply(&mut self, write: Write) -> Option<Change> {
        let change = match write {
            Write::Put(entry) => {
                let previous = self.snapshot.insert(Arc::clone(&entry));
                let kind = if previous.is_some() {
                    ChangeKind::Modified
                } else {
                    ChangeKind::Added
                };
                Change {
                    kind,
                    entry,
                    previous,
                }
            }
            Write::Delete { key, revision } => {
                let previous = self.snapshot.remove(&key)?;
                let entry = Arc::new(previous.at_revision(revision));
                Change {
                    kind: ChangeKind::Deleted,
                    entry,
                    previous: Some(previous),
                }
            }
        };
        self.revision = change.entry.revision();
        Some(change)
    }

    fn trim(&mut self, now: Duration) {
        while self.ring.len() > RING_MIN {
            let (front, since) = &self.ring[0];
            if self.ring.len() <= RING_MAX && now.saturating_sub(*since) < RING_AGE {
                break;
            }
            self.oldest = front.entry.revision();
            self.ring.pop_front();
            self.first += 1;
        }
    }
}

fn tell(observers: &[Observer], change: &Change) {
    let new = change.entry.value();
    let old = change.previous.as_ref().map(|entry| entry.value());
    let change = match change.kind {
        ChangeKind::Deleted => ObjectChange::Deleted(&new),
        _ => ObjectChange::Applied {
            old: old.as_ref(),
            new: &new,
        },
    };
    for observer in observers {
        observer(change);
    }
}

fn difference(old: &Snapshot, new: &Snapshot) -> Vec<Change> {
    let gone = old
        .iter()
        .filter(|entry| new.get(entry.key()).is_none())
        .map(|entry| Change {
            kind: ChangeKind::Deleted,
            entry: Arc::clone(entry),
            previous: Some(Arc::clone(entry)),
        });
    let changed = new.iter().filter_map(|entry| {
        let previous = old.get(entry.key()).cloned();
        if previous
            .as_ref()
            .is_some_and(|it| it.revision() == entry.revision())
        {
            return None;
        }
        let kind = if previous.is_some() {
            ChangeKind::Modified
        } else {
            ChangeKind::Added
        };
        Some(Change {
            kind,
            entry: Arc::clone(entry),
            previous,
        })
    });
    gone.chain(changed).collect()
}

#[cfg(test)]
mod tests;
