//! Runs controllers: a queue of names per controller, filled by the caches, emptied by workers.
//!
//! A controller declares what it watches in a [`Registration`] and answers one question in its
//! [`Reconciler`]. All else is here: start when the caches are full, never two workers on one name,
//! back-off after errors and panics, metrics, and an orderly end.

mod harness;
mod sources;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

pub use crate::Key;
pub use harness::Harness;

use crate::expectations::Expectations;
use crate::work_queue::WorkQueue;
use crate::{Caches, Change, Object, Scope, controller_of};
use sources::Source;

/// When to look at a name again, if nothing happens before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// When something changes.
    Wait,
    /// After this time at the latest.
    After(Duration),
}

/// Makes one object what it ought to be.
#[async_trait]
pub trait Reconciler: Send + Sync + 'static {
    /// Looks at the object with this name, which may be gone. Called for one name at a time; an
    /// error is logged, and the name comes again later.
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next>;
}

/// What a controller is, as the harness needs to know it.
pub struct Registration {
    pub(crate) name: &'static str,
    pub(crate) workers: usize,
    pub(crate) reconciler: Arc<dyn Reconciler>,
    pub(crate) sources: Vec<Source>,
    primary: Option<(&'static str, &'static str)>,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Registration {
    /// A controller with one worker that watches nothing yet.
    pub fn new(name: &'static str, reconciler: impl Reconciler) -> Self {
        Self {
            name,
            workers: 1,
            reconciler: Arc::new(reconciler),
            sources: Vec::new(),
            primary: None,
        }
    }

    /// How many names are worked on at a time.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = count.max(1);
        self
    }

    /// The kind whose names the reconciler is given: every change of such an object is a reason.
    #[must_use]
    pub fn primary<K: Object>(mut self) -> Self {
        self.primary = Some((K::GROUP, K::KIND));
        self.watches::<K>(|change| {
            change
                .object()
                .map(|object| Key::of(&**object))
                .into_iter()
                .collect()
        })
    }

    /// Changes of objects that an object of the primary kind controls: its name is a reason.
    #[must_use]
    pub fn owns<K: Object>(self) -> Self {
        let primary = self
            .primary
            .expect("primary is declared before what it owns");
        self.watches::<K>(move |change| owners(change, primary))
    }

    /// As [`Self::owns`]; creations and deletions that were expected are ticked off as well.
    #[must_use]
    pub fn owns_expected<K: Object>(self, expectations: &Expectations) -> Self {
        let primary = self
            .primary
            .expect("primary is declared before what it owns");
        let expectations = expectations.clone();
        self.watches::<K>(move |change| {
            let keys = owners(change, primary);
            tick_off(change, &keys, &expectations);
            keys
        })
    }

    /// Changes of any kind: `map` says which names they concern.
    #[must_use]
    pub fn watches<K: Object>(
        self,
        map: impl Fn(&Change<K>) -> Vec<Key> + Send + Sync + 'static,
    ) -> Self {
        self.watches_within(Scope::all(), map)
    }

    /// As [`Self::watches`], but only some objects of the kind.
    #[must_use]
    pub fn watches_within<K: Object>(
        mut self,
        scope: Scope,
        map: impl Fn(&Change<K>) -> Vec<Key> + Send + Sync + 'static,
    ) -> Self {
        self.sources
            .push(sources::watching(scope, move |change, queue| {
                for key in map(change) {
                    queue.add(key);
                }
            }));
        self
    }

    /// As [`Self::watches`], but `sort` fills the queue itself, mostly to delay some names.
    #[must_use]
    pub fn watches_sorting<K: Object>(
        mut self,
        sort: impl Fn(&Change<K>, &WorkQueue<Key>) + Send + Sync + 'static,
    ) -> Self {
        self.sources.push(sources::watching(Scope::all(), sort));
        self
    }

    /// Reads this kind without being woken by it: work begins only when its cache is full.
    #[must_use]
    pub fn reads<K: Object>(mut self) -> Self {
        self.sources.push(sources::reading::<K>());
        self
    }

    /// Anything else that fills the queue; runs until shutdown.
    #[must_use]
    pub fn source<F>(mut self, start: F) -> Self
    where
        F: FnOnce(&Caches, WorkQueue<Key>) -> BoxFuture<'static, ()> + Send + 'static,
    {
        self.sources
            .push(Box::new(move |caches, queue| sources::Started {
                synced: Box::pin(std::future::ready(())),
                pump: start(caches, queue.clone()),
            }));
        self
    }
}

fn owners<K: Object>(change: &Change<K>, (group, kind): (&str, &str)) -> Vec<Key> {
    let key = |object: &K| {
        let metadata = object.metadata();
        let owner = controller_of(metadata)?;
        let owner_group = owner
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let is_primary = owner.kind == kind && owner_group == group;
        is_primary.then(|| Key::new(metadata.namespace.clone().unwrap_or_default(), &owner.name))
    };
    match change {
        Change::Applied { old, new } => {
            let now = key(new);
            let before = old
                .as_ref()
                .and_then(|old| key(old))
                .filter(|key| Some(key) != now.as_ref());
            now.into_iter().chain(before).collect()
        }
        Change::Deleted(last) => key(last).into_iter().collect(),
        Change::Synced => Vec::new(),
    }
}

fn tick_off<K: Object>(change: &Change<K>, owners: &[Key], expectations: &Expectations) {
    for owner in owners {
        match change {
            Change::Applied { old, new } => {
                if old.is_none() {
                    expectations.creation_observed(owner);
                }
                if new.metadata().deletion_timestamp.is_some() {
                    expectations.deletion_observed(owner, &Key::of(&**new));
                }
            }
            Change::Deleted(last) => expectations.deletion_observed(owner, &Key::of(&**last)),
            Change::Synced => {}
        }
    }
}

#[cfg(test)]
mod tests;
