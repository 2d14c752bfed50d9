//! The watch of one resource.
//!
//! A kind that other controllers read whole is not watched a second time for its metadata.

use std::any::Any;
use std::sync::{Arc, Mutex};

use k8s_openapi::api::apps::v1::{
    ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet,
};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    Endpoints, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod,
    ReplicationController, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::api::storage::v1::StorageClass;
use styr_base::Tasks;
use styr_client::work_queue::WorkQueue;
use styr_client::{Address, Caches, Change, Key, Metadata, Object, Scope, Subscription};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::graph::Graph;

/// Watches one resource for as long as it lives.
pub(super) struct Monitor {
    _cache: Box<dyn Any + Send>,
    task: AbortHandle,
    /// Whether all that existed at the start is in the graph.
    drained: watch::Receiver<bool>,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is watched, and who is told.
pub(super) struct Observer<'a> {
    pub(super) address: &'a Address,
    pub(super) kind: &'a str,
    pub(super) caches: &'a Caches,
    pub(super) graph: &'a Arc<Mutex<Graph>>,
    pub(super) queue: &'a WorkQueue<Key>,
    pub(super) tasks: &'a Tasks,
}

/// Where a kind is served, and how it is watched.
type Whole = (fn() -> Address, Start);
type Start = fn(&Observer<'_>) -> Monitor;

/// The kinds that other controllers read whole.
const READ_WHOLE: &[Whole] = &[
    (Address::of::<ClusterRole>, start::<ClusterRole>),
    (
        Address::of::<ControllerRevision>,
        start::<ControllerRevision>,
    ),
    (Address::of::<CronJob>, start::<CronJob>),
    (Address::of::<DaemonSet>, start::<DaemonSet>),
    (Address::of::<Deployment>, start::<Deployment>),
    (Address::of::<EndpointSlice>, start::<EndpointSlice>),
    (Address::of::<Endpoints>, start::<Endpoints>),
    (Address::of::<Job>, start::<Job>),
    (Address::of::<Namespace>, start::<Namespace>),
    (Address::of::<Node>, start::<Node>),
    (Address::of::<PersistentVolume>, start::<PersistentVolume>),
    (
        Address::of::<PersistentVolumeClaim>,
        start::<PersistentVolumeClaim>,
    ),
    (Address::of::<Pod>, start::<Pod>),
    (
        Address::of::<PodDisruptionBudget>,
        start::<PodDisruptionBudget>,
    ),
    (Address::of::<ReplicaSet>, start::<ReplicaSet>),
    (
        Address::of::<ReplicationController>,
        start::<ReplicationController>,
    ),
    (Address::of::<Service>, start::<Service>),
    (Address::of::<ServiceAccount>, start::<ServiceAccount>),
    (Address::of::<StatefulSet>, start::<StatefulSet>),
    (Address::of::<StorageClass>, start::<StorageClass>),
];

impl Observer<'_> {
    /// Begins to watch.
    pub(super) fn start(&self) -> Monitor {
        let known = READ_WHOLE
            .iter()
            .find(|(address, _)| address() == *self.address);
        let start = known.map_or(start::<Metadata> as Start, |(_, start)| *start);
        start(self)
    }
}

impl Monitor {
    pub(super) fn drained(&self) -> watch::Receiver<bool> {
        self.drained.clone()
    }
}

fn start<K: Object>(observer: &Observer<'_>) -> Monitor {
    let address = observer.address.clone();
    let cache = observer.caches.cache_at::<K>(address.clone(), Scope::all());
    let changes = cache.subscribe();
    let (drained, told) = watch::channel(false);
    let follow = follow(
        changes,
        (address, observer.kind.to_owned()),
        Arc::clone(observer.graph),
        (observer.queue.clone(), drained),
    );
    Monitor {
        _cache: Box::new(cache),
        task: observer.tasks.spawn_infallible(follow),
        drained: told,
    }
}

async fn follow<K: Object>(
    mut changes: Subscription<K>,
    (address, kind): (Address, String),
    graph: Arc<Mutex<Graph>>,
    (queue, drained): (WorkQueue<Key>, watch::Sender<bool>),
) {
    while let Some(change) = changes.next().await {
        let look_at = {
            let mut graph = graph.lock().expect("no holder of this lock panics");
            match &change {
                Change::Applied { new, .. } => graph.apply(&address, &kind, new.metadata()),
                Change::Deleted(last) => {
                    graph.remove(last.metadata().uid.as_deref().unwrap_or_default())
                }
                Change::Synced => {
                    drained.send_replace(true);
                    Vec::new()
                }
            }
        };
        look_at
            .into_iter()
            .for_each(|uid| queue.add(Key::cluster(uid)));
    }
}
