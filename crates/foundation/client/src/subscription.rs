//! Changes for one listener: in order, never lost, and merged per object while the listener is busy.
//!
//! So memory is bounded by the number of objects, however far behind the listener is.

use std::collections::{HashMap, VecDeque};
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::{Key, Object};

/// What happened to an object since the listener last heard of it.
#[derive(Debug, Clone)]
pub enum Change<K> {
    /// It is there now, as `new`; `old` is what the listener knew, if it knew it.
    Applied {
        /// As the listener last saw it.
        old: Option<Arc<K>>,
        /// As it is.
        new: Arc<K>,
    },
    /// It is gone; this was its last known state.
    Deleted(Arc<K>),
    /// All that existed at the start has been told. Comes once.
    Synced,
}

impl<K> Change<K> {
    /// The object that changed: as it is, or as it last was.
    pub fn object(&self) -> Option<&Arc<K>> {
        match self {
            Self::Applied { new, .. } => Some(new),
            Self::Deleted(last) => Some(last),
            Self::Synced => None,
        }
    }
}

pub(crate) struct Inbox<K> {
    pending: Mutex<Pending<K>>,
    filled: Notify,
}

struct Pending<K> {
    order: VecDeque<Item>,
    entries: HashMap<Key, Entry<K>>,
}

enum Item {
    Object(Key),
    Synced,
}

/// `known` is what the listener was told last. Of `gone` and `now`, `gone` happened first.
struct Entry<K> {
    known: Option<Arc<K>>,
    gone: Option<Arc<K>>,
    now: Option<Arc<K>>,
}

impl<K: Object> Inbox<K> {
    pub(crate) fn new() -> Self {
        Self {
            pending: Mutex::new(Pending {
                order: VecDeque::new(),
                entries: HashMap::new(),
            }),
            filled: Notify::new(),
        }
    }

    pub(crate) fn applied(&self, key: Key, old: Option<Arc<K>>, new: Arc<K>) {
        let replaced = old.as_ref().filter(|old| !is_same::<K>(old, &new)).cloned();
        self.change(key, old, |entry| {
            if let Some(replaced) = replaced
                && entry.known.is_some()
            {
                entry.gone.get_or_insert(replaced);
            }
            entry.now = Some(new);
        });
    }

    pub(crate) fn deleted(&self, key: Key, last: Arc<K>) {
        self.change(key, Some(Arc::clone(&last)), |entry| {
            if entry.known.is_some() {
                entry.gone.get_or_insert(last);
            }
            entry.now = None;
        });
    }

    pub(crate) fn synced(&self) {
        self.lock().order.push_back(Item::Synced);
        self.filled.notify_one();
    }

    fn change(&self, key: Key, known: Option<Arc<K>>, change: impl FnOnce(&mut Entry<K>)) {
        let mut pending = self.lock();
        if !pending.entries.contains_key(&key) {
            pending.order.push_back(Item::Object(key.clone()));
        }
        let entry = pending.entries.entry(key).or_insert(Entry {
            known,
            gone: None,
            now: None,
        });
        change(entry);
        drop(pending);
        self.filled.notify_one();
    }

    fn take(&self) -> Option<Change<K>> {
        let mut pending = self.lock();
        loop {
            let key = match pending.order.pop_front()? {
                Item::Synced => return Some(Change::Synced),
                Item::Object(key) => key,
            };
            let entry = pending.entries.remove(&key).expect("queued with its entry");
            match (entry.gone, entry.now) {
                (Some(gone), now) => {
                    if let Some(now) = now {
                        pending.order.push_front(Item::Object(key.clone()));
                        let again = Entry {
                            known: None,
                            gone: None,
                            now: Some(now),
                        };
                        pending.entries.insert(key, again);
                    }
                    return Some(Change::Deleted(gone));
                }
                (None, Some(new)) => {
                    let old = entry.known;
                    return Some(Change::Applied { old, new });
                }
                // Came and went unseen.
                (None, None) => {}
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending<K>> {
        self.pending.lock().expect("no holder of this lock panics")
    }
}

fn is_same<K: Object>(old: &K, new: &K) -> bool {
    old.metadata().uid == new.metadata().uid
}

/// A listener's end. Dropping it ends the subscription.
pub struct Subscription<K> {
    inbox: Arc<Inbox<K>>,
    live: Option<Arc<crate::caches::Live>>,
}

impl<K: Object> Debug for Subscription<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("kind", &K::KIND)
            .finish_non_exhaustive()
    }
}

impl<K: Object> Subscription<K> {
    pub(crate) fn new(inbox: Arc<Inbox<K>>) -> Self {
        Self { inbox, live: None }
    }

    pub(crate) fn keep(mut self, live: Arc<crate::caches::Live>) -> Self {
        self.live = Some(live);
        self
    }

    /// Waits for the next change. `None` once the component shuts down. Safe to cancel.
    pub async fn next(&mut self) -> Option<Change<K>> {
        loop {
            if let Some(change) = self.inbox.take() {
                return Some(change);
            }
            match &self.live {
                None => self.inbox.filled.notified().await,
                Some(live) => tokio::select! {
                    () = self.inbox.filled.notified() => {}
                    () = live.shutdown.requested() => return None,
                },
            }
        }
    }

    /// The next change, if there is one already.
    pub fn try_next(&mut self) -> Option<Change<K>> {
        self.inbox.take()
    }
}
