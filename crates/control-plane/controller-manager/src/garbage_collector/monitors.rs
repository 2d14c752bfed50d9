//! Watches of everything that can be deleted; the set follows what the server serves.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use styr_base::{Backoff, Tasks};
use styr_client::work_queue::WorkQueue;
use styr_client::{Address, Change, Key, Object, Scope, Subscription};
use tokio::sync::watch;

use super::graph::Graph;
use super::monitor::{Monitor, Observer};
use crate::context::Context;
use crate::shared::discovery::{self, Served};

/// Events are too many, short-lived, and own nothing; upstream ignores them as well.
const IGNORED: &[(&str, &str)] = &[("", "events"), ("events.k8s.io", "events")];
/// Definitions change in bursts; one look afterwards is enough.
const SETTLE: Duration = Duration::from_millis(200);
const RETRY_INITIAL: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Where a kind is served, by `apiVersion` and kind.
pub(super) type Kinds = BTreeMap<(String, String), Address>;

pub(super) struct Monitors {
    context: Context,
    graph: Arc<Mutex<Graph>>,
    kinds: Arc<Mutex<Kinds>>,
    synced: watch::Sender<bool>,
    running: Mutex<HashMap<Address, Monitor>>,
    tasks: Tasks,
}

impl Monitors {
    pub(super) fn new(
        context: &Context,
        graph: &Arc<Mutex<Graph>>,
        kinds: &Arc<Mutex<Kinds>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            graph: Arc::clone(graph),
            kinds: Arc::clone(kinds),
            synced: watch::Sender::new(false),
            running: Mutex::default(),
            tasks: Tasks::new(),
        })
    }

    /// Waits until all that can be watched has been listed.
    pub(super) async fn synced(&self) {
        let mut synced = self.synced.subscribe();
        // The sender is in this very struct.
        let _ = synced.wait_for(|synced| *synced).await;
    }

    /// Follows what is served until shutdown.
    pub(super) async fn run(self: Arc<Self>, queue: WorkQueue<Key>) {
        let caches = &self.context.caches;
        let mut definitions = caches
            .cache::<CustomResourceDefinition>(Scope::all())
            .subscribe();
        let mut services = caches.cache::<APIService>(Scope::all()).subscribe();
        let mut backoff = Backoff::new(RETRY_INITIAL, RETRY_MAX);
        loop {
            let is_complete = match self.follow(&queue).await {
                Ok(is_complete) => is_complete,
                Err(error) => {
                    tracing::warn!(error = %format_args!("{error:#}"), "could not discover what to collect");
                    false
                }
            };
            let retry = if is_complete {
                backoff.reset();
                None
            } else {
                Some(backoff.next_wait())
            };
            let clock = &self.context.clock;
            let timer = async {
                match retry {
                    Some(wait) => clock.sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = timer => {}
                changed = changed(&mut definitions) => if !changed { return },
                changed = changed(&mut services) => if !changed { return },
            }
            clock.sleep(SETTLE).await;
            while definitions.try_next().is_some() || services.try_next().is_some() {}
        }
    }

    /// Starts and ends watches as served now; answers whether all could be asked.
    async fn follow(self: &Arc<Self>, queue: &WorkQueue<Key>) -> anyhow::Result<bool> {
        let discovered = discovery::discover(&self.context.client).await?;
        let kinds = discovered
            .resources
            .iter()
            .chain(&discovered.others)
            .map(|served| {
                let version = super::graph::api_version(&served.address);
                ((version, served.kind.clone()), served.address.clone())
            });
        *self.kinds.lock().expect("no holder of this lock panics") = kinds.collect();
        let wanted: BTreeMap<Address, &Served> = discovered
            .resources
            .iter()
            .filter(|served| is_collectable(served))
            .map(|served| (served.address.clone(), served))
            .collect();
        self.running().retain(|address, _| {
            // A group that does not answer now is not gone.
            let is_stale = discovered
                .stale
                .iter()
                .any(|s| s.split('/').next() == Some(&address.group));
            wanted.contains_key(address) || is_stale
        });
        for (address, served) in wanted {
            if !self.running().contains_key(&address) {
                let monitor = self.start(served, queue);
                self.running().insert(address, monitor);
            }
        }
        let drained: Vec<_> = self.running().values().map(Monitor::drained).collect();
        // Not the caches but the graph has to be complete. A monitor that has ended no longer counts.
        join_all(drained.into_iter().map(|mut drained| async move {
            let _ = drained.wait_for(|drained| *drained).await;
        }))
        .await;
        self.synced.send_replace(true);
        Ok(discovered.stale.is_empty())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Address, Monitor>> {
        self.running.lock().expect("no holder of this lock panics")
    }

    fn start(&self, served: &Served, queue: &WorkQueue<Key>) -> Monitor {
        let observer = Observer {
            address: &served.address,
            kind: &served.kind,
            caches: &self.context.caches,
            graph: &self.graph,
            queue,
            tasks: &self.tasks,
        };
        observer.start()
    }
}

fn is_collectable(served: &Served) -> bool {
    let id = (
        served.address.group.as_ref(),
        served.address.plural.as_ref(),
    );
    ["delete", "list", "watch"]
        .iter()
        .all(|verb| served.can(verb))
        && !IGNORED.contains(&id)
}

/// Waits for a change that may mean other resources; false at the end.
async fn changed<K: Object>(changes: &mut Subscription<K>) -> bool {
    loop {
        match changes.next().await {
            None => return false,
            Some(Change::Synced) => {}
            Some(_) => return true,
        }
    }
}
