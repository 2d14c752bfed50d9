//! What fills a controller's queue.

use futures::future::BoxFuture;

use crate::work_queue::WorkQueue;
use crate::{Caches, Change, Key, Object, Scope};

pub(crate) type Source = Box<dyn FnOnce(&Caches, &WorkQueue<Key>) -> Started + Send>;

/// A source that has begun.
pub(crate) struct Started {
    /// Finishes when what existed at the start is in the cache.
    pub(crate) synced: BoxFuture<'static, ()>,
    /// Moves changes to the queue; ends with the component.
    pub(crate) pump: BoxFuture<'static, ()>,
}

pub(crate) fn watching<K: Object>(
    scope: Scope,
    sort: impl Fn(&Change<K>, &WorkQueue<Key>) + Send + Sync + 'static,
) -> Source {
    Box::new(move |caches, queue| {
        let cache = caches.cache::<K>(scope);
        let mut changes = cache.subscribe();
        let queue = queue.clone();
        Started {
            synced: Box::pin(async move { cache.synced().await }),
            pump: Box::pin(async move {
                while let Some(change) = changes.next().await {
                    sort(&change, &queue);
                }
            }),
        }
    })
}

pub(crate) fn reading<K: Object>() -> Source {
    Box::new(|caches, _| {
        let cache = caches.cache::<K>(Scope::all());
        let shutdown = caches.shutdown().clone();
        let kept = cache.clone();
        Started {
            synced: Box::pin(async move { cache.synced().await }),
            pump: Box::pin(async move {
                shutdown.requested().await;
                drop(kept);
            }),
        }
    })
}
