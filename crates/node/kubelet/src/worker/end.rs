//! Ends a pod: hooks, signals, grace, the last status, and what it had on the machine.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use styr_client::events::EventType;

use super::{Desired, Worker};
use crate::hooks;
use crate::observed::{Container, Observed, State};
use crate::plan::{Kill, KillReason};
use crate::pod;
use crate::shared::Shared;

/// However short the grace, a container gets this long.
const GRACE_MIN_SECONDS: i64 = 2;
/// A runtime that does not answer is asked again after this.
const RETRY: Duration = Duration::from_secs(1);

impl Worker {
    /// From the decision to end a pod until it has left the API and this machine.
    pub(super) async fn end(mut self) {
        self.watches = None;
        let observed = self.stop().await;
        let pod = Arc::clone(&self.desired.borrow().pod);
        self.probes.update_ending(&pod, &observed);
        self.waiting.clear();
        self.publish(&pod, &observed, true);
        self.tear_down().await;
        loop {
            let desired = self.desired.borrow_and_update().clone();
            if desired.is_removed {
                break;
            }
            let is_deleted = pod::is_deleted(&desired.pod);
            self.orders.send_if_modified(|order| {
                let changes = is_deleted && !order.delete;
                order.delete |= is_deleted;
                changes
            });
            if self.desired.changed().await.is_err() {
                return;
            }
        }
        self.clean().await;
    }

    /// Stops everything; goes on until the runtime says that nothing runs.
    async fn stop(&mut self) -> Observed {
        loop {
            let desired = self.desired.borrow_and_update().clone();
            let observed = match self.shared.runtime.observe(&self.uid).await {
                Ok(observed) => observed,
                Err(status) => {
                    tracing::warn!(uid = self.uid, %status, "could not ask the runtime about the pod");
                    self.shared.clock.sleep(RETRY).await;
                    continue;
                }
            };
            self.probes.update_ending(&desired.pod, &observed);
            if observed.is_stopped() {
                return observed;
            }
            self.publish(&desired.pod, &observed, false);
            let grace = grace(&desired);
            let mut watcher = self.desired.clone();
            let shorter = async move {
                let hastier = |desired: &Desired| self::grace(desired) < grace;
                if watcher.wait_for(hastier).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let failed = tokio::select! {
                failed = self.kill_all(&desired.pod, &observed) => failed,
                () = shorter => false,
            };
            if failed {
                self.shared.clock.sleep(RETRY).await;
            }
        }
    }

    /// Stops all containers, side-cars after the others, then the sandboxes. Answers whether
    /// something went wrong.
    pub(super) async fn kill_all(&self, pod: &Arc<Pod>, observed: &Observed) -> bool {
        let total = self.grace_of(pod);
        let running = observed
            .containers
            .iter()
            .filter(|c| c.state == State::Running);
        let is_sidecar = |container: &Container| {
            let mut init = pod::init_containers(pod).iter();
            init.any(|c| c.name == container.name && pod::is_sidecar(c))
        };
        let (sidecars, others): (Vec<&Container>, Vec<&Container>) =
            running.partition(|container| is_sidecar(container));
        let began = self.shared.clock.monotonic();
        let all = others
            .into_iter()
            .map(|container| self.stop_one(pod, observed, container, total));
        let mut failed = futures::future::join_all(all).await.contains(&false);
        // In the reverse of the order in which they were started.
        let order = |container: &&Container| {
            pod::init_containers(pod)
                .iter()
                .position(|c| c.name == container.name)
        };
        let mut sidecars = sidecars;
        sidecars.sort_by_key(|container| std::cmp::Reverse(order(container)));
        for sidecar in sidecars {
            let passed = (self.shared.clock.monotonic() - began).as_secs();
            let left = total.saturating_sub(i64::try_from(passed).unwrap_or(total));
            failed |= !self.stop_one(pod, observed, sidecar, left.max(0)).await;
        }
        for sandbox in observed.sandboxes.iter().filter(|sandbox| sandbox.is_ready) {
            if let Err(status) = self.shared.runtime.stop_sandbox(&sandbox.id).await {
                let text = format!(
                    "error killing pod: failed to \"KillPodSandbox\": {}",
                    status.message()
                );
                self.shared.events.warning(pod, "FailedKillPod", text);
                failed = true;
            }
        }
        failed
    }

    fn grace_of(&self, pod: &Arc<Pod>) -> i64 {
        let desired = self.desired.borrow();
        match &desired.evicted {
            _ if desired.rejected.is_some() => 0,
            Some(eviction) => eviction.grace_seconds.min(pod::grace_seconds(pod)),
            None => pod::grace_seconds(pod),
        }
    }

    async fn stop_one(
        &self,
        pod: &Arc<Pod>,
        observed: &Observed,
        container: &Container,
        grace: i64,
    ) -> bool {
        let text = format!("Stopping container {}", container.name);
        self.stop_with((pod, observed), container, grace, text)
            .await
    }

    /// Stops one container of a pod that goes on.
    pub(super) async fn kill(&self, pod: &Arc<Pod>, observed: &Observed, kill: &Kill) {
        let mut grace = pod::grace_seconds(pod);
        if let Some(definition) = pod::container(pod, &kill.name) {
            let probe = match kill.reason {
                KillReason::Liveness => definition.liveness_probe,
                KillReason::Startup => definition.startup_probe,
                KillReason::Other => None,
            };
            let own = probe.and_then(|probe| probe.termination_grace_period_seconds);
            grace = own.unwrap_or(grace);
        }
        let unknown = Container {
            id: kill.id.clone(),
            name: kill.name.clone(),
            ..Container::default()
        };
        let container = observed.container(&kill.id).unwrap_or(&unknown);
        self.stop_with((pod, observed), container, grace, kill.message.clone())
            .await;
    }

    async fn stop_with(
        &self,
        (pod, observed): (&Arc<Pod>, &Observed),
        container: &Container,
        grace: i64,
        message: String,
    ) -> bool {
        let about = (&**pod, container.name.as_str());
        self.shared
            .events
            .container(about, EventType::Normal, "Killing", message);
        let ip = self.shared_ip(pod, observed);
        let began = self.shared.clock.monotonic();
        if grace > 0 {
            pre_stop(
                &self.shared,
                (pod, container),
                (&ip, grace),
                &self.pre_stopped,
            )
            .await;
        }
        let passed = (self.shared.clock.monotonic() - began).as_secs();
        let left = grace - i64::try_from(passed).unwrap_or(grace);
        let left = left.max(GRACE_MIN_SECONDS);
        let left = if grace == 0 { 0 } else { left };
        match self
            .shared
            .runtime
            .stop_container(&container.id, left)
            .await
        {
            Ok(()) => true,
            Err(status) => {
                let text = format!(
                    "error killing pod: failed to \"KillContainer\" for {:?} with KillContainerError: {:?}",
                    container.name,
                    status.message()
                );
                self.shared.events.warning(pod, "FailedKillPod", text);
                false
            }
        }
    }
}

fn grace(desired: &Desired) -> i64 {
    pod::grace_seconds(&desired.pod)
}

/// The last hook of a container, once, for as long as the grace allows.
async fn pre_stop(
    shared: &Shared,
    (pod, container): (&Pod, &Container),
    (ip, grace): (&str, i64),
    done: &Mutex<HashSet<String>>,
) {
    let definition = pod::container(pod, &container.name);
    let Some(definition) = definition else { return };
    let hook = definition
        .lifecycle
        .as_ref()
        .and_then(|lifecycle| lifecycle.pre_stop.clone());
    let Some(hook) = hook else { return };
    if !done
        .lock()
        .expect("no holder of this lock panics")
        .insert(container.id.clone())
    {
        return;
    }
    let tools = (&shared.runtime, &shared.clock);
    let run = hooks::run((&definition, &container.id), &hook, ip, tools);
    let limit = shared
        .clock
        .sleep(Duration::from_secs(u64::try_from(grace).unwrap_or(0)));
    let outcome = tokio::select! {
        outcome = run => outcome,
        () = limit => Err("grace period is over".to_owned()),
    };
    if let Err(text) = outcome {
        tracing::info!(container = container.name, text, "a stop hook failed");
        let about = (pod, container.name.as_str());
        shared.events.container(
            about,
            EventType::Warning,
            "FailedPreStopHook",
            "PreStopHook failed",
        );
    }
}
