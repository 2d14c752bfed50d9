//! One pass over a pod that is meant to run.

use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Pod;
use styr_cri::v1;

use super::{NextLook, Worker};
use crate::launch::downward::Facts;
use crate::launch::sandbox;
use crate::observed::Observed;
use crate::plan::{self, Plan};
use crate::pod;
use crate::volumes;

/// Passes that each changed something, before others get a turn.
const ROUNDS_MAX: usize = 8;
/// Upstream's wait after a pass that failed.
const RETRY_SECONDS: i64 = 10;
/// A runtime that does not answer is asked again after this, doubling to the maximum.
const RUNTIME_RETRY_MAX_SECONDS: i64 = 8;
/// Volumes are tried again after half a second, doubling up to upstream's two minutes.
const VOLUMES_RETRY: SignedDuration = SignedDuration::from_millis(500);
const VOLUMES_RETRY_MAX: SignedDuration = SignedDuration::from_secs(122);

impl Worker {
    pub(super) async fn sync(&mut self, pod: &Arc<Pod>) -> NextLook {
        let mut next = None;
        for _ in 0..ROUNDS_MAX {
            let observed = match self.shared.runtime.observe(&self.uid).await {
                Ok(observed) => observed,
                Err(status) => return self.runtime_failed(&status),
            };
            self.errors = 0;
            self.probes.update(pod, &observed);
            next = self.deadline(pod);
            if self.verdict.is_some() {
                return None;
            }
            if self.resize(pod, &observed).await {
                continue;
            }
            self.publish(pod, &observed, false);
            if self.has_final_phase() {
                return None;
            }
            if let Some(at) = self.prepare(pod, &observed).await {
                return earliest(next, Some(at));
            }
            next = earliest(next, self.shared.tokens.renew_at(&self.uid));
            let health = self.probes.health();
            let plan = plan::plan(pod, &observed, &health);
            let (acted, retry) = Box::pin(self.carry_out(pod, &observed, plan)).await;
            next = earliest(next, retry);
            if !acted {
                // Reasons to wait may have changed.
                self.publish(pod, &observed, false);
                return next;
            }
        }
        self.wake.notify_one();
        next
    }

    fn runtime_failed(&mut self, status: &tonic::Status) -> NextLook {
        tracing::warn!(uid = self.uid, %status, "could not ask the runtime about the pod");
        let seconds = (1_i64 << self.errors.min(10)).min(RUNTIME_RETRY_MAX_SECONDS);
        self.errors += 1;
        Some(self.later(seconds))
    }

    /// The end of a pod that may run only so long.
    fn deadline(&mut self, pod: &Pod) -> NextLook {
        let seconds = pod::spec(pod).active_deadline_seconds?;
        let started = self.status.borrow().start_time.clone()?;
        let end = started.0 + SignedDuration::from_secs(seconds);
        if self.now() < end {
            return Some(end);
        }
        let message = "Pod was active on the node longer than the specified deadline";
        self.shared.events.normal(pod, "DeadlineExceeded", message);
        self.verdict = Some(("Failed".into(), "DeadlineExceeded".into(), message.into()));
        None
    }

    /// Directories, cgroup and volumes. Answers when to try again if something is missing.
    async fn prepare(&mut self, pod: &Arc<Pod>, observed: &Observed) -> NextLook {
        let directory = self.shared.pod_directory(&self.uid);
        if !self.has_cgroup {
            let made = std::fs::create_dir_all(&directory)
                .and_then(|()| self.shared.cgroups.make_pod(pod));
            if let Err(error) = made {
                let text = format!("error making pod data directories: {error}");
                self.shared.events.warning(pod, "Failed", text);
                return Some(self.later(RETRY_SECONDS));
            }
            self.has_cgroup = true;
        }
        let changed = {
            let mut changed = self
                .volumes_changed
                .lock()
                .expect("no holder of this lock panics");
            std::mem::take(&mut *changed)
        };
        let told = (
            pod.metadata.labels.clone(),
            pod.metadata.annotations.clone(),
        );
        let changed = changed || self.volumes_told.as_ref() != Some(&told);
        self.volumes_told = Some(told);
        let now = self.now();
        let renew = self
            .shared
            .tokens
            .renew_at(&self.uid)
            .is_some_and(|at| at <= now);
        if self.volumes.is_some() && !changed && !renew {
            return None;
        }
        if self.watches.is_none() {
            self.watch_volumes(pod);
        }
        let context = volumes::Context {
            directory: &directory,
            facts: Facts {
                pod_ips: observed.ips(),
                host_ips: &self.shared.host_ips,
                allocatable: self.shared.allocatable(),
            },
            objects: &self.shared.objects,
            tokens: &self.shared.tokens,
            now,
        };
        match volumes::set_up(pod, &context).await {
            Ok(mounted) => {
                self.volumes = Some(mounted);
                self.volumes_failures = 0;
                None
            }
            Err(text) => {
                self.shared.events.warning(pod, "FailedMount", text);
                let wait = VOLUMES_RETRY * (1_i32 << self.volumes_failures.min(10));
                self.volumes_failures += 1;
                // What runs already goes on with the contents it has.
                if self.volumes.is_some() {
                    *self
                        .volumes_changed
                        .lock()
                        .expect("no holder of this lock panics") = true;
                    return None;
                }
                Some(now + wait.min(VOLUMES_RETRY_MAX))
            }
        }
    }

    pub(super) fn sandbox_config(
        &self,
        pod: &Pod,
        attempt: u32,
    ) -> Result<v1::PodSandboxConfig, crate::launch::Failure> {
        let settings = sandbox::Settings {
            resolver: &self.shared.resolver,
            logs: &self.shared.config.pod_logs_dir,
            cgroup_parent: self.shared.cgroups.pod_name(pod),
            extra_groups: &[],
        };
        sandbox::config(pod, attempt, settings)
    }

    /// Carries out a plan. Answers whether anything was done, and when to try again what was not.
    async fn carry_out(
        &mut self,
        pod: &Arc<Pod>,
        observed: &Observed,
        plan: Plan,
    ) -> (bool, NextLook) {
        let mut acted = false;
        if plan.kill_pod {
            if !observed.is_stopped() {
                self.kill_all(pod, observed).await;
                acted = true;
            }
            if plan.sandbox.is_none() {
                // Nothing is to be started again: the phase follows from how containers ended.
                return (acted, None);
            }
            if !observed.sandboxes.is_empty() {
                let text = "Pod sandbox changed, it will be killed and re-created.";
                self.shared.events.normal(pod, "SandboxChanged", text);
            }
        }
        for kill in &plan.kill {
            self.kill(pod, observed, kill).await;
            acted = true;
        }
        let (sandbox_id, attempt) = match plan.sandbox {
            Some(attempt) => match self.make_sandbox(pod, attempt).await {
                Some(id) => (id, attempt),
                None => return (acted, Some(self.later(1))),
            },
            None => match observed.sandboxes.first() {
                Some(sandbox) => (sandbox.id.clone(), sandbox.attempt),
                None => return (acted, None),
            },
        };
        if plan.sandbox.is_some() {
            // The pod's address is known only now, and containers may want to know it.
            return (true, None);
        }
        let config = match self.sandbox_config(pod, attempt) {
            Ok(config) => config,
            Err(failure) => {
                self.shared
                    .events
                    .warning(pod, "FailedCreatePodSandBox", failure.message);
                return (acted, Some(self.later(RETRY_SECONDS)));
            }
        };
        let mut retry = None;
        let all = plan.ephemeral.iter().chain(&plan.init).chain(&plan.start);
        for name in all {
            let Some(container) = pod::container(pod, name) else {
                continue;
            };
            let started = self.start(pod, &container, observed, (&sandbox_id, &config));
            match Box::pin(started).await {
                Ok(()) => {
                    self.waiting.remove(name);
                    acted = true;
                }
                Err(at) => retry = earliest(retry, at),
            }
        }
        (acted, retry)
    }

    async fn make_sandbox(&mut self, pod: &Arc<Pod>, attempt: u32) -> Option<String> {
        let failed = |text: String| {
            let text = format!("Failed to create pod sandbox: {text}");
            self.shared
                .events
                .warning(pod, "FailedCreatePodSandBox", text);
        };
        let config = match self.sandbox_config(pod, attempt) {
            Ok(config) => config,
            Err(failure) => {
                failed(failure.message);
                return None;
            }
        };
        if let Err(error) = std::fs::create_dir_all(&config.log_directory) {
            failed(format!(
                "could not create {}: {error}",
                config.log_directory
            ));
            return None;
        }
        let class = pod::spec(pod).runtime_class_name.as_deref();
        let handler = match self.shared.objects.runtime_handler(class).await {
            Ok(handler) => handler,
            Err(failure) => {
                failed(failure.message);
                return None;
            }
        };
        match self.shared.runtime.run_sandbox(config, handler).await {
            Ok(id) => Some(id),
            Err(status) => {
                failed(format!(
                    "rpc error: code = {:?} desc = {}",
                    status.code(),
                    status.message()
                ));
                None
            }
        }
    }
}

pub(super) fn earliest(one: NextLook, other: NextLook) -> NextLook {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
