//! Watches what a pod's volumes show, so that a change reaches the volume at once.

use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret};
use styr_base::Tasks;
use styr_client::{Cache, Change, Object};
use tokio::sync::Notify;

use super::Worker;
use crate::pod;
use crate::volumes::{Reference, references};

impl Worker {
    pub(super) fn watch_volumes(&mut self, pod: &Pod) {
        let tasks = Tasks::new();
        let namespace = pod::namespace(pod);
        let objects = &self.shared.objects;
        for reference in references(pod) {
            let tell = (Arc::clone(&self.volumes_changed), Arc::clone(&self.wake));
            match reference {
                Reference::ConfigMap(name) => {
                    let cache = objects.watch::<ConfigMap>(namespace, &name);
                    cache.map(|cache| tasks.spawn_infallible(watch(cache, tell)));
                }
                Reference::Secret(name) => {
                    let cache = objects.watch::<Secret>(namespace, &name);
                    cache.map(|cache| tasks.spawn_infallible(watch(cache, tell)));
                }
                Reference::Claim(name) => {
                    let cache = objects.watch::<PersistentVolumeClaim>(namespace, &name);
                    cache.map(|cache| tasks.spawn_infallible(watch(cache, tell)));
                }
            }
        }
        self.watches = Some(tasks);
    }
}

async fn watch<K: Object>(cache: Cache<K>, (changed, wake): (Arc<Mutex<bool>>, Arc<Notify>)) {
    let mut subscription = cache.subscribe();
    let mut is_known = false;
    while let Some(change) = subscription.next().await {
        if matches!(change, Change::Synced) {
            is_known = true;
            continue;
        }
        // What was there at the start was read when the volume was set up.
        if is_known {
            *changed.lock().expect("no holder of this lock panics") = true;
            wake.notify_one();
        }
    }
}
