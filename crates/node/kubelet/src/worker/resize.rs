//! Gives running containers the resources that their definition has now, without a restart where
//! its resize policy allows.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};
use styr_cri::v1::LinuxContainerResources;

use super::Worker;
use crate::launch::resources;
use crate::observed::{Observed, State};
use crate::plan::{Kill, KillReason};
use crate::pod;

/// What the kernel was told: shares, quota, memory.
pub(crate) type Applied = (i64, i64, i64);

pub(crate) fn applied(resources: &LinuxContainerResources) -> Applied {
    (
        resources.cpu_shares,
        resources.cpu_quota.max(0),
        resources.memory_limit_in_bytes,
    )
}

impl Worker {
    /// Answers whether a container was changed.
    pub(super) async fn resize(&mut self, pod: &Arc<Pod>, observed: &Observed) -> bool {
        let mut acted = false;
        let sidecars = pod::init_containers(pod)
            .iter()
            .filter(|c| pod::is_sidecar(c));
        for container in sidecars.chain(pod::containers(pod)) {
            let active = observed.active(&container.name);
            let Some(active) = active.filter(|active| active.state == State::Running) else {
                continue;
            };
            let memory = self.shared.machine.memory;
            let wanted = resources::of_container(pod, container, memory);
            let known = self.sizes.get(&active.id).copied().or(active.applied);
            let known = known.unwrap_or_else(|| applied(&wanted));
            if known == applied(&wanted) {
                self.sizes.insert(active.id.clone(), known);
                continue;
            }
            acted = true;
            if needs_restart(container, known, applied(&wanted)) {
                let kill = Kill {
                    id: active.id.clone(),
                    name: container.name.clone(),
                    message: format!("Container {} resize requires restart", container.name),
                    reason: KillReason::Other,
                };
                self.kill(pod, observed, &kill).await;
                self.waiting.remove(&container.name);
                continue;
            }
            self.apply(pod, container, (&active.id, wanted)).await;
        }
        acted
    }

    async fn apply(
        &mut self,
        pod: &Arc<Pod>,
        container: &Container,
        (id, wanted): (&str, LinuxContainerResources),
    ) {
        // A parent is made larger before its children, and smaller after them: of the two tries
        // around the change, one succeeds.
        let before = self.shared.cgroups.make_pod(pod);
        let size = applied(&wanted);
        let updated = self.shared.runtime.update_resources(id, wanted).await;
        let after = self.shared.cgroups.make_pod(pod);
        self.sizes.insert(id.to_owned(), size);
        if let Err(status) = updated {
            let text = format!(
                "Error resizing container {}: {}",
                container.name,
                status.message()
            );
            self.shared.events.warning(pod, "ResizeError", text);
        } else if let (Err(_), Err(error)) = (before, after) {
            self.shared
                .events
                .warning(pod, "ResizeError", error.to_string());
        } else {
            let text = format!("Container {} resized", container.name);
            self.shared.events.normal(pod, "ResizeCompleted", text);
        }
    }
}

fn needs_restart(container: &Container, old: Applied, new: Applied) -> bool {
    let policies = container.resize_policy.as_deref().unwrap_or_default();
    let restarts = |name: &str| {
        let mut policies = policies.iter();
        policies.any(|p| p.resource_name == name && p.restart_policy == "RestartContainer")
    };
    let cpu = (old.0, old.1) != (new.0, new.1) && restarts("cpu");
    cpu || old.2 != new.2 && restarts("memory")
}
