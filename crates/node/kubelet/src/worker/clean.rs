//! Removes what a pod had: volumes and cgroup once it has ended, the rest once it left the API.

use std::time::Duration;

use super::Worker;
use crate::identity;
use crate::volumes;

/// A busy mount or cgroup is tried again after this.
const RETRY: Duration = Duration::from_millis(100);
/// Then the pod is let go, and the next start of the kubelet cleans up.
const TRIES_MAX: usize = 50;

impl Worker {
    /// Volumes, directory and cgroup.
    pub(super) async fn tear_down(&mut self) {
        let directory = self.shared.pod_directory(&self.uid);
        for _ in 0..TRIES_MAX {
            let path = directory.clone();
            let removed = tokio::task::spawn_blocking(move || volumes::tear_down(&path)).await;
            let removed = removed.unwrap_or_else(|error| Err(std::io::Error::other(error)));
            match removed {
                Ok(()) => break,
                Err(error) => {
                    tracing::debug!(uid = self.uid, %error, "could not remove the pod's directory");
                    self.shared.clock.sleep(RETRY).await;
                }
            }
        }
        self.shared.tokens.forget(&self.uid);
        let pod = std::sync::Arc::clone(&self.desired.borrow().pod);
        for _ in 0..TRIES_MAX {
            match self.shared.cgroups.remove_pod(&pod) {
                Ok(()) => break,
                Err(error) => {
                    tracing::debug!(uid = self.uid, %error, "could not remove the pod's cgroup");
                    self.shared.clock.sleep(RETRY).await;
                }
            }
        }
        self.has_cgroup = false;
        self.volumes = None;
    }

    /// Dead containers, sandboxes, logs.
    pub(super) async fn clean(&mut self) {
        match self.shared.runtime.observe(&self.uid).await {
            Ok(observed) => {
                for container in &observed.containers {
                    self.remove_dead(&container.id, "").await;
                }
                for sandbox in &observed.sandboxes {
                    if let Err(status) = self.shared.runtime.remove_sandbox(&sandbox.id).await {
                        tracing::warn!(id = sandbox.id, %status, "could not remove a sandbox");
                    }
                }
            }
            Err(status) => {
                tracing::warn!(uid = self.uid, %status, "could not clean up after a pod");
            }
        }
        let desired = self.desired.borrow().clone();
        let config = &self.shared.config;
        let logs = config
            .pod_logs_dir
            .join(identity::log_directory(&desired.pod));
        remove_links(&config.container_logs_dir, &logs);
        if let Err(error) = std::fs::remove_dir_all(&logs)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(logs = %logs.display(), %error, "could not remove a pod's logs");
        }
    }
}

/// Removes links into the logs of a pod.
pub(crate) fn remove_links(directory: &std::path::Path, logs: &std::path::Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let target = std::fs::read_link(entry.path());
        if target.is_ok_and(|target| target.starts_with(logs)) {
            // Gone already is as good.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
