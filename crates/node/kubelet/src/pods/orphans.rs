//! Ends what runs in the runtime for pods that no source names any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Entry, Pods};
use crate::identity::{POD_NAME, POD_NAMESPACE, POD_UID};
use crate::pod;
use crate::worker::{self, Desired};

/// Upstream's grace of a pod that nobody knows.
const GRACE_SECONDS: i64 = 1;

impl Pods {
    /// Called once all sources have told what there is.
    pub(super) async fn end_orphans(&mut self) {
        let sandboxes = match self.shared.runtime.all_sandboxes().await {
            Ok(sandboxes) => sandboxes,
            Err(status) => {
                tracing::warn!(%status, "could not look for pods that nobody wants");
                return;
            }
        };
        let mut found: BTreeMap<String, Pod> = BTreeMap::new();
        for sandbox in sandboxes {
            let label = |key: &str| sandbox.labels.get(key).cloned();
            let Some(uid) = label(POD_UID) else { continue };
            let annotations = sandbox.annotations.clone().into_iter().collect();
            found.entry(uid.clone()).or_insert(Pod {
                metadata: ObjectMeta {
                    uid: Some(uid),
                    name: label(POD_NAME),
                    namespace: label(POD_NAMESPACE),
                    annotations: Some(annotations),
                    deletion_grace_period_seconds: Some(GRACE_SECONDS),
                    ..ObjectMeta::default()
                },
                spec: Some(PodSpec::default()),
                status: None,
            });
        }
        let known: BTreeSet<String> = {
            let entries = self.table.entries();
            entries.keys().cloned().collect()
        };
        for (uid, orphan) in found {
            if known.contains(&uid) {
                continue;
            }
            tracing::info!(
                pod = pod::described(&orphan),
                "ending a pod that is in no source"
            );
            self.start_ending(uid, Arc::new(orphan));
        }
        self.remove_directories(&known);
    }

    fn start_ending(&mut self, uid: String, pod: Arc<Pod>) {
        let desired = Desired {
            pod: Arc::clone(&pod),
            is_removed: true,
            rejected: None,
            evicted: None,
        };
        let (handle, run) = worker::new(&self.shared, desired);
        let ended = self.ended.0.clone();
        let id = uid.clone();
        self.tasks.spawn_infallible(async move {
            Box::pin(run).await;
            // Fails only if the table is gone, and then nobody wants to know.
            let _ = ended.send(id).await;
        });
        let mut entries = self.table.entries();
        entries.insert(uid, Entry { pod, handle });
    }

    /// Directories of pods that neither a source nor the runtime knows.
    fn remove_directories(&self, known: &BTreeSet<String>) {
        let root = self.shared.config.root_dir.join("pods");
        let entries = self.table.entries();
        for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
            let uid = entry.file_name().to_string_lossy().into_owned();
            if known.contains(&uid) || entries.contains_key(&uid) {
                continue;
            }
            if let Err(error) = crate::volumes::tear_down(&entry.path()) {
                tracing::warn!(uid, %error, "could not remove the directory of a former pod");
            }
        }
    }
}
