//! The pods that have a worker, by uid, for all who ask about them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use tokio::sync::watch;

use crate::eviction::Eviction;
use crate::pod;
use crate::worker::Handle;

/// The pods that have a worker. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) pod: Arc<Pod>,
    pub(super) handle: Handle,
}

impl Entry {
    /// Whether it has come to its end, or has never had a chance to run.
    pub(super) fn has_ended(&self) -> bool {
        let status = self.handle.status.borrow();
        matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }
}

impl Table {
    /// For as long as it takes to look.
    pub(super) fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().expect("no holder of this lock panics")
    }

    /// All pods, each with its current status.
    pub(crate) fn list(&self) -> Vec<Pod> {
        let entries = self.entries();
        let with_status = |entry: &Entry| {
            let mut pod = (*entry.pod).clone();
            pod.status = Some(entry.handle.status.borrow().clone());
            pod
        };
        entries.values().map(with_status).collect()
    }

    /// A pod by namespace and name.
    pub(crate) fn find(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let entries = self.entries();
        let mut all = entries.values();
        let found = all.find(|e| pod::namespace(&e.pod) == namespace && pod::name(&e.pod) == name);
        found.map(|entry| Arc::clone(&entry.pod))
    }

    /// What a pod's worker last said.
    pub(crate) fn status(&self, uid: &str) -> Option<PodStatus> {
        let entries = self.entries();
        entries
            .get(uid)
            .map(|entry| entry.handle.status.borrow().clone())
    }

    /// Follows what a pod's worker says.
    pub(crate) fn watch_status(&self, uid: &str) -> Option<watch::Receiver<PodStatus>> {
        let entries = self.entries();
        entries.get(uid).map(|entry| entry.handle.status.clone())
    }

    /// Tells a worker that something happened in the runtime.
    pub(crate) fn wake(&self, uid: &str) {
        let entries = self.entries();
        if let Some(entry) = entries.get(uid) {
            entry.handle.wake.notify_one();
        }
    }

    /// Those that have not ended and are not ending.
    pub(crate) fn active(&self) -> Vec<Arc<Pod>> {
        let entries = self.entries();
        let active = entries.values();
        let active = active.filter(|entry| !entry.has_ended() && !pod::is_deleted(&entry.pod));
        active.map(|entry| Arc::clone(&entry.pod)).collect()
    }

    /// Has a pod ended by its worker.
    pub(crate) fn evict(&self, uid: &str, eviction: Eviction) {
        let entries = self.entries();
        if let Some(entry) = entries.get(uid) {
            let desired = &entry.handle.desired;
            desired.send_modify(|desired| desired.evicted = Some(eviction));
        }
    }

    pub(crate) fn wake_all(&self) {
        let entries = self.entries();
        for entry in entries.values() {
            entry.handle.wake.notify_one();
        }
    }
}
