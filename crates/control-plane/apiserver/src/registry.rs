//! What the server stores: one [`Registry`] per resource, over one store and one feed.
//!
//! A registry knows its resource in the version that is stored; handlers convert at the edge. Reads
//! come from the watch cache, writes go to the store by compare-and-swap and come back through the
//! feed. All resources are at one revision, [`Progress`].

pub mod cache;
pub mod call;
pub mod chunk;
mod create;
mod delete;
pub mod delete_options;
pub mod entry;
mod feed;
mod freshness;
mod layout;
mod lease;
pub(crate) mod metadata;
pub mod page;
pub mod progress;
pub mod read;
pub mod selection;
pub mod snapshot;
mod stored;
mod update;
mod view;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::Value;
use styr_api::Kind;
use styr_base::{SharedClock, Shutdown};
use styr_meta::Status;
use styr_schema::managed;
use styr_store::Store;

pub use call::{Aspect, Call, Hooks, Part, Preconditions};
pub use delete::Deleted;
pub use delete_options::DeleteOptions;
pub use entry::Entry;
pub use progress::Progress;
pub use update::{Target, Updated};

use freshness::Freshness;
use lease::Leases;

/// All resources.
#[derive(Debug)]
pub struct Resources {
    store: Arc<dyn Store>,
    clock: SharedClock,
    progress: Arc<Progress>,
    all: Vec<Arc<Registry>>,
    by_name: HashMap<(String, String), usize>,
    /// Storage prefix (`pods`, `services/specs`) to index.
    by_prefix: HashMap<Vec<u8>, usize>,
}

/// One resource as it is stored.
pub struct Registry {
    /// The version in which it is stored.
    pub kind: Arc<Kind>,
    /// All versions in which it is served.
    versions: Vec<Arc<Kind>>,
    pub cache: cache::Cache,
    store: Arc<dyn Store>,
    clock: SharedClock,
    progress: Arc<Progress>,
    freshness: Arc<Freshness>,
    leases: Option<Leases>,
    hooks: OnceLock<Arc<dyn Hooks>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registry").field(&self.kind.plural).finish()
    }
}

impl Resources {
    /// Registers all kinds that are stored. `event_ttl_seconds` is how long events are kept.
    pub fn new(
        kinds: &[Arc<Kind>],
        store: &Arc<dyn Store>,
        clock: &SharedClock,
        event_ttl_seconds: i64,
    ) -> Arc<Self> {
        let progress = Arc::new(Progress::new(Arc::clone(clock)));
        let freshness = Arc::new(Freshness::new(Arc::clone(store)));
        let mut resources = Self {
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            progress: Arc::clone(&progress),
            all: Vec::new(),
            by_name: HashMap::new(),
            by_prefix: HashMap::new(),
        };
        for kind in kinds.iter().filter(|kind| is_stored(kind, kinds)) {
            let same = |it: &&Arc<Kind>| it.storage_prefix == kind.storage_prefix;
            let versions: Vec<_> = kinds.iter().filter(same).cloned().collect();
            let index = resources.all.len();
            for version in &versions {
                let name = (version.group.clone(), version.plural.clone());
                resources.by_name.insert(name, index);
            }
            let prefix = kind.storage_prefix.trim_start_matches("/registry/");
            resources
                .by_prefix
                .insert(prefix.as_bytes().to_vec(), index);
            let is_event = kind.group.is_empty() && kind.plural == "events";
            resources.all.push(Arc::new(Registry {
                kind: Arc::clone(kind),
                versions,
                cache: cache::Cache::new(Arc::clone(clock)),
                store: Arc::clone(store),
                clock: Arc::clone(clock),
                progress: Arc::clone(&progress),
                freshness: Arc::clone(&freshness),
                leases: is_event.then(|| Leases::new(event_ttl_seconds)),
                hooks: OnceLock::new(),
            }));
        }
        Arc::new(resources)
    }

    /// Fills and follows; ends with `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) {
        feed::run(self, shutdown).await;
    }

    pub fn get(&self, group: &str, plural: &str) -> Option<&Arc<Registry>> {
        let index = self.by_name.get(&(group.to_owned(), plural.to_owned()))?;
        Some(&self.all[*index])
    }

    /// A resource that the server itself needs.
    pub fn builtin(&self, group: &str, plural: &str) -> &Arc<Registry> {
        self.get(group, plural).expect("the table of kinds has it")
    }

    pub fn all(&self) -> &[Arc<Registry>] {
        &self.all
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// The resource of a key and what remains of the key: `namespace/name` or `name`.
    fn route<'a>(&self, key: &'a [u8]) -> Option<(usize, &'a str)> {
        let rest = key.strip_prefix(b"/registry/")?;
        let mut slashes = rest.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let first = slashes.next()?.0;
        let second = slashes.next().map(|(at, _)| at);
        let found = second
            .and_then(|at| self.by_prefix.get(&rest[..at]).map(|index| (*index, at)))
            .or_else(|| {
                self.by_prefix
                    .get(&rest[..first])
                    .map(|index| (*index, first))
            });
        let (index, at) = found?;
        Some((index, std::str::from_utf8(&rest[at + 1..]).ok()?))
    }
}

/// Whether objects are stored in this version: the one that upstream stores or, where that is not
/// served, the first that is.
fn is_stored(kind: &Kind, kinds: &[Arc<Kind>]) -> bool {
    let is_chosen = |it: &Kind| it.storage_version == (it.group.clone(), it.version.clone());
    if kind.storage_prefix.is_empty() {
        return false;
    }
    let mut alike = kinds
        .iter()
        .filter(|it| it.storage_prefix == kind.storage_prefix);
    let chosen = alike
        .clone()
        .find(|it| is_chosen(it))
        .or_else(|| alike.next());
    chosen.is_some_and(|it| it.group == kind.group && it.version == kind.version)
}

impl Registry {
    /// Sets what else happens on writes of this resource; at most once.
    pub fn set_hooks(&self, hooks: Arc<dyn Hooks>) {
        assert!(
            self.hooks.set(hooks).is_ok(),
            "a resource has one set of hooks"
        );
    }

    /// Tells the hooks of everything that is stored.
    pub(crate) fn tell_hooks(&self) {
        if let Some(hooks) = self.hooks.get() {
            let (snapshot, _) = self.cache.snapshot();
            for entry in snapshot.iter() {
                hooks.loaded(&entry.value());
            }
        }
    }

    /// The resource in the named version.
    pub fn version(&self, group: &str, version: &str) -> Option<&Arc<Kind>> {
        self.versions
            .iter()
            .find(|kind| kind.group == group && kind.version == version)
    }

    /// `namespace/name` or `name`.
    pub fn key(&self, namespace: &str, name: &str) -> String {
        if self.kind.namespaced {
            format!("{namespace}/{name}")
        } else {
            name.to_owned()
        }
    }

    fn store_key(&self, key: &str) -> Bytes {
        Bytes::from(format!("{}/{key}", self.kind.storage_prefix))
    }

    /// The canonical bytes of an object.
    fn encode(&self, object: &mut Value) -> Bytes {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
        }
        let mut out = Vec::with_capacity(1024);
        self.kind.shape.encode_json(object, &mut out);
        Bytes::from(out)
    }

    /// Writes kind and apiVersion of the stored version into an object.
    pub(crate) fn set_type(&self, object: &mut Value) {
        object["kind"] = Value::String(self.kind.kind.clone());
        object["apiVersion"] = Value::String(api_version(&self.kind));
    }

    /// Makes the server the owner of what it writes on its own account.
    fn manage(&self, call: &Call<'_>, live: Option<&Value>, new: &mut Value) {
        let Some(manager) = call.manager else {
            return;
        };
        let (kind, subresource) = (&self.kind, "");
        let context = managed::Context {
            shape: &kind.shape,
            api_version: &api_version(kind),
            kind: &kind.kind,
            subresource,
            reset: managed::reset_fields(&kind.group, &kind.kind, subresource),
            now: &timestamp(self.clock.now()),
            versions: &managed::OneVersion,
        };
        managed::update(&context, live, new, manager);
    }

    fn unavailable(error: &styr_store::StoreError) -> Status {
        crate::status::store(error)
    }
}

/// `v1`, `apps/v1`.
pub fn api_version(kind: &Kind) -> String {
    if kind.group.is_empty() {
        kind.version.clone()
    } else {
        format!("{}/{}", kind.group, kind.version)
    }
}

/// A time as Kubernetes writes it.
pub fn timestamp(at: jiff::Timestamp) -> String {
    metadata::time(at)
}
