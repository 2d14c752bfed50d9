//! Mirror pods: what the API shows of static pods.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    DeleteOptions, ObjectMeta, OwnerReference, Preconditions,
};
use styr_base::{Backoff, Outage};

use super::Pods;
use crate::pod;

/// The namespace may not be there yet, or the server may be busy.
const RETRY: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Then the next change of a source or of the node tries again.
const TRIES_MAX: u32 = 20;

impl Pods {
    /// Makes the mirrors that are missing, and removes those of which nothing is left.
    pub(super) fn mirror_all(&mut self) {
        let Some(server) = self.shared.server.clone() else {
            return;
        };
        if !server.pods.is_synced() {
            return;
        }
        for mirror in server
            .pods
            .list()
            .into_iter()
            .filter(|pod| pod::is_mirror(pod))
        {
            let hash = pod::annotation(&mirror, pod::MIRROR_ANNOTATION).unwrap_or_default();
            if !self.static_pods.contains_key(hash) {
                self.delete_mirror(&mirror);
            }
        }
        for pod in self.static_pods.values().cloned().collect::<Vec<_>>() {
            let known = server.pods.get(Some(pod::namespace(&pod)), pod::name(&pod));
            if known.is_none() {
                self.create_mirror(&pod);
            }
        }
    }

    pub(super) fn mirror_changed(&mut self, mirror: &Arc<Pod>) {
        let hash = pod::annotation(mirror, pod::MIRROR_ANNOTATION).unwrap_or_default();
        let entries = self.table.entries();
        match entries.get(hash) {
            // Somebody deletes the mirror: upstream takes it away and makes a new one.
            Some(_) if pod::is_deleted(mirror) => {
                drop(entries);
                self.delete_mirror(mirror);
            }
            Some(entry) => entry.handle.api_changed(),
            None => {}
        }
    }

    pub(super) fn unmirror(&self, pod: &Pod) {
        if let Some(mirror) = self.shared.api_pod(pod) {
            self.delete_mirror(&mirror);
        }
    }

    fn delete_mirror(&self, mirror: &Pod) {
        let Some(server) = self.shared.server.clone() else {
            return;
        };
        let (namespace, name) = (
            pod::namespace(mirror).to_owned(),
            pod::name(mirror).to_owned(),
        );
        let uid = Some(pod::uid(mirror).to_owned());
        self.tasks.spawn_infallible(async move {
            let options = DeleteOptions {
                grace_period_seconds: Some(0),
                preconditions: Some(Preconditions {
                    uid,
                    ..Preconditions::default()
                }),
                ..DeleteOptions::default()
            };
            if let Err(error) = server
                .client
                .delete::<Pod>(&namespace, &name, &options)
                .await
                && !error.is_not_found()
            {
                let text = crate::objects::said(&error);
                tracing::warn!(namespace, name, text, "could not delete a mirror pod");
            }
        });
    }

    fn create_mirror(&self, pod: &Arc<Pod>) {
        let Some(server) = self.shared.server.clone() else {
            return;
        };
        let node_name = self.shared.config.node_name.clone();
        let node = self
            .node
            .as_ref()
            .and_then(|nodes| nodes.get(None, &node_name));
        // Without its owner a mirror would outlive the node; the node's appearance comes back here.
        let Some(node) = node else { return };
        let owner = OwnerReference {
            api_version: "v1".into(),
            kind: "Node".into(),
            name: node_name,
            uid: node.metadata.uid.clone().unwrap_or_default(),
            controller: Some(true),
            ..OwnerReference::default()
        };
        let uid = pod::uid(pod).to_owned();
        let mirroring = Arc::clone(&self.mirroring);
        if !mirroring
            .lock()
            .expect("no holder of this lock panics")
            .insert(uid.clone())
        {
            return;
        }
        let mirror = mirror_of(pod, owner);
        let clock = self.shared.clock.clone();
        self.tasks.spawn_infallible(async move {
            let mut backoff = Backoff::new(RETRY, RETRY_MAX);
            let mut outage = Outage::default();
            let attempt = format!("could not create a mirror of pod {}", pod::name(&mirror));
            for _ in 0..TRIES_MAX {
                match server.client.create(&mirror).await {
                    Ok(created) => {
                        server.pods.observe_write(created);
                        break;
                    }
                    Err(error) if error.is_already_exists() => break,
                    Err(error) => {
                        let now = clock.monotonic();
                        outage.failed(now, &attempt, &crate::objects::said(&error));
                    }
                }
                clock.sleep(backoff.next_wait()).await;
            }
            mirroring
                .lock()
                .expect("no holder of this lock panics")
                .remove(&uid);
        });
    }
}

fn mirror_of(pod: &Pod, owner: OwnerReference) -> Pod {
    let mut annotations = pod.metadata.annotations.clone().unwrap_or_default();
    annotations.insert(pod::MIRROR_ANNOTATION.into(), pod::uid(pod).into());
    Pod {
        metadata: ObjectMeta {
            name: pod.metadata.name.clone(),
            namespace: pod.metadata.namespace.clone(),
            labels: pod.metadata.labels.clone(),
            annotations: Some(annotations),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: pod.spec.clone(),
        status: None,
    }
}
