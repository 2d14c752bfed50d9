//! The objects of one list and watch, their indexes, and whoever wants to hear of changes.
//!
//! One lock guards all three, so that a subscriber sees changes in the order in which readers do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::{self, Debug};
use std::ops::Bound;
use std::sync::{Arc, RwLock, Weak};

use tokio::sync::watch;

use crate::subscription::{Inbox, Subscription};
use crate::{Key, Object};

type IndexFn<K> = fn(&K) -> Vec<String>;

pub(crate) struct Store<K> {
    inner: RwLock<Inner<K>>,
    synced: watch::Sender<bool>,
}

struct Inner<K> {
    objects: BTreeMap<Key, Arc<K>>,
    indexes: HashMap<&'static str, IndexData<K>>,
    subscribers: Vec<Weak<Inbox<K>>>,
}

struct IndexData<K> {
    values: IndexFn<K>,
    keys: HashMap<String, BTreeSet<Key>>,
}

impl<K: Object> Debug for Store<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("kind", &K::KIND)
            .finish_non_exhaustive()
    }
}

impl<K: Object> Store<K> {
    pub(crate) fn new() -> Self {
        Self {
            inner: RwLock::new(Inner {
                objects: BTreeMap::new(),
                indexes: HashMap::new(),
                subscribers: Vec::new(),
            }),
            synced: watch::Sender::new(false),
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.read().objects.get(key).map(Arc::clone)
    }

    pub(crate) fn list(&self) -> Vec<Arc<K>> {
        self.read().objects.values().map(Arc::clone).collect()
    }

    pub(crate) fn list_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        let from = Bound::Included(Key::new(namespace, ""));
        self.read()
            .objects
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.namespace == namespace)
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.read().objects.len()
    }

    pub(crate) fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    pub(crate) async fn synced(&self) {
        let mut synced = self.synced.subscribe();
        // The sender is in this very store.
        let _ = synced.wait_for(|synced| *synced).await;
    }

    pub(crate) fn subscribe(&self) -> Subscription<K> {
        let inbox = Arc::new(Inbox::new());
        let mut inner = self.write();
        for (key, object) in &inner.objects {
            inbox.applied(key.clone(), None, Arc::clone(object));
        }
        if self.is_synced() {
            inbox.synced();
        }
        inner.subscribers.push(Arc::downgrade(&inbox));
        Subscription::new(inbox)
    }

    pub(crate) fn index(&self, name: &'static str, values: IndexFn<K>) {
        let mut inner = self.write();
        let Inner {
            objects, indexes, ..
        } = &mut *inner;
        indexes.entry(name).or_insert_with(|| {
            let mut data = IndexData {
                values,
                keys: HashMap::new(),
            };
            for (key, object) in objects {
                data.add(key, object);
            }
            data
        });
    }

    pub(crate) fn indexed(&self, name: &'static str, value: &str) -> Vec<Arc<K>> {
        let inner = self.read();
        let keys = inner
            .indexes
            .get(name)
            .and_then(|data| data.keys.get(value));
        keys.into_iter()
            .flatten()
            .filter_map(|key| inner.objects.get(key).map(Arc::clone))
            .collect()
    }

    /// An object is there, or is there in another version.
    pub(crate) fn apply(&self, object: &Arc<K>) {
        let key = Key::of(&**object);
        let mut inner = self.write();
        // What a write answered may be ahead of the watch; time does not go back for readers.
        if inner
            .objects
            .get(&key)
            .is_some_and(|known| is_older(&**object, known))
        {
            return;
        }
        inner.apply(&key, object);
    }

    /// An object is gone; `last` is its state at the end.
    pub(crate) fn remove(&self, last: Arc<K>) {
        let key = Key::of(&*last);
        let mut inner = self.write();
        inner.remove(&key, Some(last));
    }

    /// This, and nothing else, is there. What is not among it has been deleted unseen.
    pub(crate) fn replace(&self, objects: Vec<Arc<K>>) {
        let mut inner = self.write();
        let keys: BTreeSet<Key> = objects.iter().map(|object| Key::of(&**object)).collect();
        let gone = inner.objects.keys().filter(|key| !keys.contains(key));
        let gone: Vec<Key> = gone.cloned().collect();
        for key in gone {
            inner.remove(&key, None);
        }
        for object in objects {
            inner.apply(&Key::of(&*object), &object);
        }
        if !self.synced.send_replace(true) {
            inner.each_subscriber(Inbox::synced);
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner<K>> {
        self.inner.read().expect("no holder of this lock panics")
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner<K>> {
        self.inner.write().expect("no holder of this lock panics")
    }
}

/// Whether `object` is an earlier state of `known`.
fn is_older<K: Object>(object: &K, known: &K) -> bool {
    let number = |object: &K| {
        let version = object.metadata().resource_version.as_deref();
        version.and_then(|version| version.parse::<u64>().ok())
    };
    let is_same = object.metadata().uid == known.metadata().uid;
    is_same
        && number(object)
            .zip(number(known))
            .is_some_and(|(new, old)| new < old)
}

impl<K: Object> Inner<K> {
    fn apply(&mut self, key: &Key, object: &Arc<K>) {
        let old = self.objects.insert(key.clone(), Arc::clone(object));
        let unchanged = old.as_ref().is_some_and(|old| {
            let version = &old.metadata().resource_version;
            version.is_some() && *version == object.metadata().resource_version
        });
        if unchanged {
            return;
        }
        for index in self.indexes.values_mut() {
            if let Some(old) = &old {
                index.remove(key, old);
            }
            index.add(key, object);
        }
        self.each_subscriber(|inbox| {
            inbox.applied(key.clone(), old.clone(), Arc::clone(object));
        });
    }

    fn remove(&mut self, key: &Key, last: Option<Arc<K>>) {
        let Some(old) = self.objects.remove(key) else {
            return;
        };
        for index in self.indexes.values_mut() {
            index.remove(key, &old);
        }
        let last = last.unwrap_or(old);
        self.each_subscriber(|inbox| inbox.deleted(key.clone(), Arc::clone(&last)));
    }

    fn each_subscriber(&mut self, tell: impl Fn(&Inbox<K>)) {
        self.subscribers.retain(|subscriber| {
            let subscriber = subscriber.upgrade();
            subscriber.as_deref().map(&tell).is_some()
        });
    }
}

impl<K> IndexData<K> {
    fn add(&mut self, key: &Key, object: &K) {
        for value in (self.values)(object) {
            self.keys.entry(value).or_default().insert(key.clone());
        }
    }

    fn remove(&mut self, key: &Key, object: &K) {
        for value in (self.values)(object) {
            if let Some(keys) = self.keys.get_mut(&value) {
                keys.remove(key);
                if keys.is_empty() {
                    self.keys.remove(&value);
                }
            }
        }
    }
}

/// Objects by something other than their name; kept current with the cache it belongs to.
pub struct Index<K> {
    pub(crate) store: Arc<Store<K>>,
    pub(crate) name: &'static str,
    /// Keeps the watch going for as long as the index is used.
    pub(crate) live: Arc<crate::caches::Live>,
}

impl<K> Clone for Index<K> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            name: self.name,
            live: Arc::clone(&self.live),
        }
    }
}

impl<K: Object> Debug for Index<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = K::KIND;
        f.debug_struct("Index")
            .field("kind", &kind)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<K: Object> Index<K> {
    /// The objects that have this value, in the order of their keys.
    pub fn get(&self, value: &str) -> Vec<Arc<K>> {
        self.store.indexed(self.name, value)
    }
}

#[cfg(test)]
mod tests;
