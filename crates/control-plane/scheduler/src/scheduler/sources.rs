//! What changes outside, as one stream.

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::{CSINode, StorageClass};
use styr_client::{Cache, Caches, Change, Scope, Subscription};
use tokio::sync::mpsc;

use crate::binding::Bound;
use crate::framework::Happening;
use crate::plugins::Storage;

/// Pods that run no more take no room.
const ACTIVE: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// One thing that happened.
pub(super) enum News {
    Node(Change<Node>),
    Pod(Change<Pod>),
    /// Of objects that only the plugins read.
    Other(Happening),
    /// Of some kind, all there is has been told.
    Synced,
    Bound(Bound),
}

/// Whoever tells of changes.
pub(super) struct Sources {
    nodes: Subscription<Node>,
    pods: Subscription<Pod>,
    claims: Subscription<PersistentVolumeClaim>,
    volumes: Subscription<PersistentVolume>,
    classes: Subscription<StorageClass>,
    csi_nodes: Subscription<CSINode>,
    bound: mpsc::Receiver<Bound>,
    /// Subscriptions that have not told all there is.
    filling: usize,
}

/// The cache of the pods that count.
pub(super) fn pods(caches: &Caches) -> Cache<Pod> {
    caches.cache(Scope::all().fields(ACTIVE))
}

impl Sources {
    pub(super) fn new(caches: &Caches, storage: &Storage, bound: mpsc::Receiver<Bound>) -> Self {
        Self {
            nodes: caches.cache(Scope::all()).subscribe(),
            pods: pods(caches).subscribe(),
            claims: storage.claims.subscribe(),
            volumes: storage.volumes.subscribe(),
            classes: storage.classes.subscribe(),
            csi_nodes: storage.csi_nodes.subscribe(),
            bound,
            filling: 6,
        }
    }

    /// Whether all that existed at the start has been told.
    pub(super) fn is_full(&self) -> bool {
        self.filling == 0
    }

    /// Waits for the next; never answers again once the component shuts down. Safe to cancel.
    pub(super) async fn next(&mut self) -> News {
        let news = tokio::select! {
            biased;
            Some(change) = self.nodes.next() => node(change),
            Some(change) = self.pods.next() => pod(change),
            Some(change) = self.claims.next() => other(&change, Happening::Claim),
            Some(change) = self.volumes.next() => other(&change, Happening::Volume),
            Some(change) = self.classes.next() => other(&change, Happening::Class),
            Some(change) = self.csi_nodes.next() => other(&change, Happening::VolumeLimits),
            Some(bound) = self.bound.recv() => News::Bound(bound),
            else => std::future::pending().await,
        };
        if matches!(news, News::Synced) {
            self.filling -= 1;
        }
        news
    }
}

fn node(change: Change<Node>) -> News {
    match change {
        Change::Synced => News::Synced,
        change => News::Node(change),
    }
}

fn pod(change: Change<Pod>) -> News {
    match change {
        Change::Synced => News::Synced,
        change => News::Pod(change),
    }
}

fn other<K>(change: &Change<K>, happening: Happening) -> News {
    match change {
        Change::Synced => News::Synced,
        Change::Applied { .. } | Change::Deleted(_) => News::Other(happening),
    }
}
