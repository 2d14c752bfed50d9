//! The caches of a process: each (kind, scope) is listed and watched once, whoever asks for it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, Weak};

use styr_base::{SharedClock, Shutdown, Tasks};
use tokio::task::AbortHandle;

use crate::reflector::Reflector;
use crate::store::Store;
use crate::{Address, Client, Index, Key, Object, Subscription};

/// Which objects of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    pub(crate) namespace: String,
    pub(crate) fields: String,
    pub(crate) labels: String,
}

impl Scope {
    /// All of them.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those in one namespace.
    pub fn namespace(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            ..Self::default()
        }
    }

    /// Of these, only what a field selector matches.
    #[must_use]
    pub fn fields(mut self, selector: impl Into<String>) -> Self {
        self.fields = selector.into();
        self
    }

    /// Of these, only what a label selector matches.
    #[must_use]
    pub fn labels(mut self, selector: impl Into<String>) -> Self {
        self.labels = selector.into();
        self
    }
}

/// All caches of a process. Clones share them.
#[derive(Clone)]
pub struct Caches {
    inner: Arc<Inner>,
}

type CacheId = (TypeId, Address, Scope);

struct Inner {
    client: Client,
    clock: SharedClock,
    shutdown: Shutdown,
    tasks: Tasks,
    known: Mutex<HashMap<CacheId, Box<dyn Any + Send>>>,
}

impl Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches").finish_non_exhaustive()
    }
}

/// Ends the watch when nobody uses the cache any more.
pub(crate) struct Live {
    pub(crate) shutdown: Shutdown,
    task: AbortHandle,
    /// The tasks are among these, so they live at least as long as this cache.
    _caches: Arc<Inner>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Caches {
    /// Over a connection; everything ends with `shutdown`.
    pub fn new(client: Client, clock: SharedClock, shutdown: Shutdown) -> Self {
        let inner = Inner {
            client,
            clock,
            shutdown,
            tasks: Tasks::new(),
            known: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The cache of a kind. Begins to fill at once if it is new; must be called inside a runtime.
    pub fn cache<K: Object>(&self, scope: Scope) -> Cache<K> {
        self.cache_at(Address::of::<K>(), scope)
    }

    /// The cache of a resource that is known only now; `K` is then mostly [`crate::Metadata`].
    pub fn cache_at<K: Object>(&self, address: Address, scope: Scope) -> Cache<K> {
        let id = (TypeId::of::<K>(), address.clone(), scope.clone());
        let mut known = self
            .inner
            .known
            .lock()
            .expect("no holder of this lock panics");
        let found = known
            .get(&id)
            .and_then(|any| any.downcast_ref::<WeakCache<K>>());
        if let Some(cache) = found.and_then(WeakCache::upgrade) {
            return cache;
        }
        let store = Arc::new(Store::new());
        let reflector = Reflector::new(
            self.inner.client.clone(),
            Arc::clone(&self.inner.clock),
            (address, scope),
            Arc::clone(&store),
        );
        let shutdown = self.inner.shutdown.clone();
        let task = self.inner.tasks.spawn_infallible(async move {
            tokio::select! {
                () = reflector.run() => {}
                () = shutdown.requested() => {}
            }
        });
        let live = Arc::new(Live {
            shutdown: self.inner.shutdown.clone(),
            task,
            _caches: Arc::clone(&self.inner),
        });
        let cache = Cache { store, live };
        known.insert(id, Box::new(cache.downgrade()));
        cache
    }

    /// The connection below.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// The clock that waits are measured with.
    pub fn clock(&self) -> &SharedClock {
        &self.inner.clock
    }

    /// The signal that ends everything.
    pub fn shutdown(&self) -> &Shutdown {
        &self.inner.shutdown
    }
}

/// A current copy of all objects of a kind and scope. Clones share it; reading never waits.
pub struct Cache<K> {
    store: Arc<Store<K>>,
    live: Arc<Live>,
}

struct WeakCache<K> {
    store: Weak<Store<K>>,
    live: Weak<Live>,
}

impl<K> WeakCache<K> {
    fn upgrade(&self) -> Option<Cache<K>> {
        Some(Cache {
            store: self.store.upgrade()?,
            live: self.live.upgrade()?,
        })
    }
}

impl<K> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            live: Arc::clone(&self.live),
        }
    }
}

impl<K: Object> Debug for Cache<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("kind", &K::KIND)
            .finish_non_exhaustive()
    }
}

impl<K: Object> Cache<K> {
    fn downgrade(&self) -> WeakCache<K> {
        WeakCache {
            store: Arc::downgrade(&self.store),
            live: Arc::downgrade(&self.live),
        }
    }

    /// One object; `namespace` is `None` for cluster-scoped kinds.
    pub fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<K>> {
        self.store
            .get(&Key::new(namespace.unwrap_or_default(), name))
    }

    /// One object by its key.
    pub fn get_key(&self, key: &Key) -> Option<Arc<K>> {
        self.store.get(key)
    }

    /// All objects, by namespace and name.
    pub fn list(&self) -> Vec<Arc<K>> {
        self.store.list()
    }

    /// The objects of one namespace, by name.
    pub fn list_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        self.store.list_namespace(namespace)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether everything that existed at the start is in.
    pub fn is_synced(&self) -> bool {
        self.store.is_synced()
    }

    /// Waits until everything that existed at the start is in.
    pub async fn synced(&self) {
        self.store.synced().await;
    }

    /// First all there is as `Applied { old: None }`, then `Synced` once, then what changes.
    pub fn subscribe(&self) -> Subscription<K> {
        self.store.subscribe().keep(Arc::clone(&self.live))
    }

    /// Objects by what `values` says of them. The same name must always mean the same function.
    pub fn index(&self, name: &'static str, values: fn(&K) -> Vec<String>) -> Index<K> {
        self.store.index(name, values);
        Index {
            store: Arc::clone(&self.store),
            name,
            live: Arc::clone(&self.live),
        }
    }

    /// Objects by the uid of the owner that controls them.
    pub fn by_controller(&self) -> Index<K> {
        self.index("controller", |object| {
            let owner = crate::controller_of(object.metadata());
            owner.map(|owner| owner.uid.clone()).into_iter().collect()
        })
    }

    /// Takes in what a write answered, so that the writer reads it back at once; the watch may
    /// confirm it later. Ignored unless it is newer than what is known.
    pub fn observe_write(&self, object: K) {
        let known = self.store.get(&Key::of(&object));
        let version = |object: &K| {
            let version = object.metadata().resource_version.as_deref();
            version.and_then(|version| version.parse::<u64>().ok())
        };
        if known.is_some_and(|known| version(&known) < version(&object)) {
            self.store.apply(&Arc::new(object));
        }
    }
}
