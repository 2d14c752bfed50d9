//! Workers and their end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use styr_base::Tasks;
use styr_component::metrics::Registry;

use super::{Key, Next, Reconciler, Registration, sources::Started};
use crate::work_queue::{QueueMetrics, WorkQueue};
use crate::{Caches, Error};

/// Runs any number of controllers over the same caches.
#[derive(Debug)]
pub struct Harness {
    caches: Caches,
    metrics: Option<Registry>,
    tasks: Tasks,
}

impl Harness {
    /// Over these caches; the queues count into `metrics`.
    pub fn new(caches: Caches, metrics: Option<Registry>) -> Self {
        Self {
            caches,
            metrics,
            tasks: Tasks::new(),
        }
    }

    /// Starts a controller. Its workers begin when everything it watches is known.
    pub fn start(&self, registration: Registration) {
        let Registration {
            name,
            workers,
            reconciler,
            sources,
            ..
        } = registration;
        let clock = Arc::clone(self.caches.clock());
        let metrics = self
            .metrics
            .as_ref()
            .map(|registry| QueueMetrics::new(registry, name));
        let queue = WorkQueue::new(clock, metrics);
        let mut synced = Vec::new();
        for source in sources {
            let started: Started = source(&self.caches, &queue);
            synced.push(started.synced);
            self.tasks.spawn_infallible(started.pump);
        }
        let delays = queue.clone();
        self.tasks
            .spawn_infallible(async move { delays.run_delays().await });
        let ending = (self.caches.shutdown().clone(), queue.clone());
        self.tasks.spawn_infallible(async move {
            ending.0.requested().await;
            ending.1.close();
        });
        let shutdown = self.caches.shutdown().clone();
        let all_synced = futures::future::join_all(synced).map(|_| ()).shared();
        for _ in 0..workers {
            let worker = work(name, Arc::clone(&reconciler), queue.clone());
            let (all_synced, shutdown) = (all_synced.clone(), shutdown.clone());
            self.tasks.spawn_infallible(async move {
                tokio::select! {
                    () = shutdown.requested() => {}
                    () = async { all_synced.await; worker.await } => {}
                }
            });
        }
    }

    /// Waits until the component has shut down.
    pub async fn join(self) -> anyhow::Result<()> {
        let joined = self.tasks.join().await;
        joined.map_err(|error| anyhow::anyhow!("a controller's task ended: {error}"))
    }

    /// Starts all of them and waits until the component has shut down.
    pub async fn run(self, registrations: Vec<Registration>) -> anyhow::Result<()> {
        for registration in registrations {
            self.start(registration);
        }
        self.join().await
    }
}

async fn work(name: &'static str, reconciler: Arc<dyn Reconciler>, queue: WorkQueue<Key>) {
    while let Some(key) = queue.next().await {
        let outcome = AssertUnwindSafe(reconciler.reconcile(&key))
            .catch_unwind()
            .await;
        match outcome {
            Ok(Ok(next)) => {
                queue.forget(&key);
                if let Next::After(wait) = next {
                    queue.add_after(key.clone(), wait);
                }
            }
            Ok(Err(error)) => {
                report(name, &key, &error);
                queue.add_after_failure(key.clone());
            }
            // The hook has printed the panic itself.
            Err(_) => {
                tracing::error!(controller = name, %key, "reconciler panicked");
                queue.add_after_failure(key.clone());
            }
        }
        queue.done(&key);
    }
}

/// A conflict only means that the cache was behind; everything else somebody may want to know.
fn report(name: &'static str, key: &Key, error: &anyhow::Error) {
    let is_conflict = error
        .downcast_ref::<Error>()
        .is_some_and(|error| error.is_conflict() || error.is_namespace_terminating());
    if is_conflict {
        tracing::debug!(controller = name, %key, error = %format_args!("{error:#}"), "trying again");
    } else {
        tracing::warn!(controller = name, %key, error = %format_args!("{error:#}"), "could not reconcile");
    }
}
