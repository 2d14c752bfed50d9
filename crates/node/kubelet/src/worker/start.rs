//! Starts one container: back-off, image, configuration, creation, start, first hook.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};
use styr_client::events::EventType;
use styr_cri::v1;

use super::{NextLook, Worker};
use crate::images::Absent;
use crate::launch::downward::Facts;
use crate::launch::{Failure, container, environment, mounts, security};
use crate::observed::{Observed, State};
use crate::plan::{Kill, KillReason};
use crate::{hooks, identity, pod};

/// Upstream's wait after a pass that failed.
const RETRY_SECONDS: i64 = 10;
/// Logs of dead containers that are kept beside the newest.
const DEAD_KEPT: usize = 1;

/// The container's own image, and those it mounts by the volume's name.
type Sources<'a> = (&'a crate::images::Present, &'a BTreeMap<String, String>);

impl Worker {
    /// Pulls the images that a container mounts as volumes.
    async fn mounted_images(
        &self,
        pod: &Pod,
        container: &Container,
        sandbox: &v1::PodSandboxConfig,
    ) -> Result<BTreeMap<String, String>, Absent> {
        let mut out = BTreeMap::new();
        for volume in pod::spec(pod).volumes.iter().flatten() {
            let Some(source) = &volume.image else {
                continue;
            };
            let mut mounts = container.volume_mounts.iter().flatten();
            if !mounts.any(|mount| mount.name == volume.name) {
                continue;
            }
            let wanted = Container {
                name: container.name.clone(),
                image: source.reference.clone(),
                image_pull_policy: source.pull_policy.clone(),
                ..Container::default()
            };
            let tools = self.shared.image_tools();
            let image = self.images.ensure((pod, &wanted), sandbox, tools).await?;
            out.insert(volume.name.clone(), image.reference);
        }
        Ok(out)
    }

    /// The error is the time to try again, unless an event will tell; the reason is noted.
    pub(super) async fn start(
        &mut self,
        pod: &Arc<Pod>,
        container: &Container,
        observed: &Observed,
        sandbox: (&str, &v1::PodSandboxConfig),
    ) -> Result<(), NextLook> {
        self.crash_loop(pod, container, observed)?;
        let all = async {
            let tools = self.shared.image_tools();
            let image = self
                .images
                .ensure((pod, container), sandbox.1, tools)
                .await?;
            let mounted = self.mounted_images(pod, container, sandbox.1).await?;
            Ok((image, mounted))
        };
        let (image, mounted) = match all.await {
            Ok(images) => images,
            Err(Absent::Pulling) => return Err(None),
            Err(Absent::Failed(failure, retry_at)) => {
                let text = format!("Error: {}", failure.reason);
                self.tell((pod, container), EventType::Warning, "Failed", text);
                self.note(container, failure);
                return Err(retry_at.or_else(|| Some(self.later(RETRY_SECONDS))));
            }
        };
        self.spend(container, observed);
        let restart_count = self.restart_count(pod, container, observed);
        let image = (&image, &mounted);
        let made = self
            .configure(pod, container, observed, (image, restart_count))
            .await;
        let config = match made {
            Ok(config) => config,
            Err(failure) => return Err(self.failed(pod, container, failure)),
        };
        self.collect_dead(container, observed).await;
        let id = Box::pin(self.create_and_start(pod, container, config, sandbox)).await;
        let id = id.map_err(|failure| self.failed(pod, container, failure))?;
        self.link_log(pod, container, (&id, restart_count));
        self.post_start(pod, container, observed, &id).await
    }

    fn tell(&self, about: (&Pod, &Container), kind: EventType, reason: &str, text: String) {
        let about = (about.0, about.1.name.as_str());
        self.shared.events.container(about, kind, reason, text);
    }

    fn note(&mut self, container: &Container, failure: Failure) {
        self.waiting.insert(
            container.name.clone(),
            (failure.reason.to_owned(), failure.message),
        );
    }

    fn failed(&mut self, pod: &Pod, container: &Container, failure: Failure) -> NextLook {
        let text = format!("Error: {}", failure.message);
        self.tell((pod, container), EventType::Warning, "Failed", text);
        self.note(container, failure);
        Some(self.later(RETRY_SECONDS))
    }

    /// Makes a container wait that ended again and again.
    fn crash_loop(
        &mut self,
        pod: &Pod,
        container: &Container,
        observed: &Observed,
    ) -> Result<(), NextLook> {
        let latest = observed
            .latest(&container.name)
            .filter(|c| c.state == State::Exited);
        let Some(ended) = latest.and_then(|latest| latest.finished_at) else {
            return Ok(());
        };
        let now = self.now();
        let name = &container.name;
        if let Some((wait, until)) = self.crashes.waiting(name, ended, now) {
            let described = pod::described(pod);
            let text = format!(
                "back-off {} restarting failed container={name} pod={described}",
                go_duration(wait.as_secs())
            );
            let known = self.waiting.get(name);
            if known
                .is_none_or(|(reason, message)| reason != "CrashLoopBackOff" || *message != text)
            {
                let told =
                    format!("Back-off restarting failed container {name} in pod {described}");
                self.tell((pod, container), EventType::Warning, "BackOff", told);
            }
            self.note(container, Failure::new("CrashLoopBackOff", text));
            return Err(Some(until));
        }
        Ok(())
    }

    /// Counts a start after an end, so that the next one may have to wait longer.
    fn spend(&mut self, container: &Container, observed: &Observed) {
        let latest = observed.latest(&container.name);
        let ended = latest
            .filter(|c| c.state == State::Exited)
            .and_then(|c| c.finished_at);
        if let Some(ended) = ended {
            let now = self.now();
            self.crashes.next(&container.name, ended, now);
        }
    }

    fn restart_count(&self, pod: &Pod, container: &Container, observed: &Observed) -> i32 {
        if let Some(latest) = observed.latest(&container.name) {
            return latest.restart_count + 1;
        }
        // After a reboot the runtime may have forgotten; the logs have not.
        let directory = self
            .shared
            .config
            .pod_logs_dir
            .join(identity::log_directory(pod));
        let entries = std::fs::read_dir(directory.join(&container.name));
        let numbers = entries.into_iter().flatten().flatten().filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.split('.')
                .next()
                .and_then(|number| number.parse::<i32>().ok())
        });
        numbers.max().map_or(0, |last| last + 1)
    }

    async fn configure(
        &mut self,
        pod: &Pod,
        container: &Container,
        observed: &Observed,
        ((image, mounted_images), restart_count): (Sources<'_>, i32),
    ) -> Result<v1::ContainerConfig, Failure> {
        security::verify_non_root(pod, container, &image.user)?;
        let shared = Arc::clone(&self.shared);
        let ips = if pod::is_host_network(pod) {
            &shared.host_ips
        } else {
            observed.ips()
        };
        let facts = Facts {
            pod_ips: ips,
            host_ips: &shared.host_ips,
            allocatable: shared.allocatable(),
        };
        let environment = environment::variables(pod, container, facts, &shared.objects).await?;
        let directory = shared.pod_directory(&self.uid);
        let empty = BTreeMap::new();
        let run = uuid::Uuid::new_v4().simple().to_string();
        let parts = mounts::Parts {
            directory: &directory,
            volumes: self.volumes.as_ref().unwrap_or(&empty),
            images: mounted_images,
            environment: &environment,
            pod_ips: observed.ips(),
            cluster_domain: &shared.resolver.cluster_domain,
            run: &run[..8],
        };
        let mounts = mounts::mounts(pod, container, &parts)?;
        let logs = shared
            .config
            .pod_logs_dir
            .join(identity::log_directory(pod));
        let logs = logs.join(&container.name);
        std::fs::create_dir_all(&logs).map_err(|error| {
            Failure::config(format!(
                "create container log directory for container {} failed: {error}",
                container.name
            ))
        })?;
        let target = ephemeral_target(pod, container, observed);
        let seccomp_root = shared.config.root_dir.join("seccomp");
        let parts = container::Parts {
            restart_count,
            image_ref: image.reference.clone(),
            image_user: &image.user,
            environment,
            mounts,
            memory_capacity: shared.machine.memory,
            security: security::Settings {
                seccomp_root: &seccomp_root,
                extra_groups: &[],
                target: target.as_deref(),
            },
        };
        Ok(container::config(pod, container, parts))
    }

    async fn create_and_start(
        &self,
        pod: &Pod,
        container: &Container,
        config: v1::ContainerConfig,
        (sandbox_id, sandbox): (&str, &v1::PodSandboxConfig),
    ) -> Result<String, Failure> {
        let runtime = &self.shared.runtime;
        let created = Box::pin(runtime.create_container(sandbox_id, config, sandbox.clone())).await;
        let id =
            created.map_err(|status| Failure::new("CreateContainerError", status.message()))?;
        self.tell(
            (pod, container),
            EventType::Normal,
            "Created",
            "Container created".into(),
        );
        runtime
            .start_container(&id)
            .await
            .map_err(|status| Failure::new("RunContainerError", status.message()))?;
        self.tell(
            (pod, container),
            EventType::Normal,
            "Started",
            "Container started".into(),
        );
        Ok(id)
    }

    /// The place where log collectors look for all logs of a node.
    fn link_log(&self, pod: &Pod, container: &Container, (id, restart_count): (&str, i32)) {
        let config = &self.shared.config;
        let log = config
            .pod_logs_dir
            .join(identity::log_directory(pod))
            .join(identity::log_path(&container.name, restart_count));
        let link =
            config
                .container_logs_dir
                .join(identity::legacy_log_name(pod, &container.name, id));
        if log.exists()
            && let Err(error) = std::os::unix::fs::symlink(&log, &link)
        {
            tracing::debug!(link = %link.display(), %error, "could not link a container's log");
        }
    }

    async fn post_start(
        &mut self,
        pod: &Arc<Pod>,
        container: &Container,
        observed: &Observed,
        id: &str,
    ) -> Result<(), NextLook> {
        let hook = container
            .lifecycle
            .as_ref()
            .and_then(|lifecycle| lifecycle.post_start.as_ref());
        let Some(hook) = hook else { return Ok(()) };
        let ip = self.shared_ip(pod, observed);
        let tools = (&self.shared.runtime, &self.shared.clock);
        let Err(text) = hooks::run((container, id), hook, &ip, tools).await else {
            return Ok(());
        };
        tracing::info!(container = container.name, text, "a start hook failed");
        self.tell(
            (pod, container),
            EventType::Warning,
            "FailedPostStartHook",
            "PostStartHook failed".into(),
        );
        let kill = Kill {
            id: id.to_owned(),
            name: container.name.clone(),
            message: "FailedPostStartHook".into(),
            reason: KillReason::Other,
        };
        self.kill(pod, observed, &kill).await;
        self.note(container, Failure::new("PostStartHookError", text));
        Err(Some(self.later(1)))
    }

    pub(super) fn shared_ip(&self, pod: &Pod, observed: &Observed) -> String {
        let ips = if pod::is_host_network(pod) {
            &self.shared.host_ips
        } else {
            observed.ips()
        };
        ips.first().cloned().unwrap_or_default()
    }

    /// Removes dead containers of a name but the last; the last one's log is `--previous`.
    async fn collect_dead(&self, container: &Container, observed: &Observed) {
        let dead = observed
            .containers
            .iter()
            .filter(|dead| dead.name == container.name && dead.state == State::Exited);
        for dead in dead.skip(DEAD_KEPT) {
            self.remove_dead(&dead.id, &dead.log_path).await;
        }
    }

    pub(super) async fn remove_dead(&self, id: &str, log_path: &str) {
        if let Err(status) = self.shared.runtime.remove_container(id).await {
            tracing::warn!(id, %status, "could not remove a dead container");
            return;
        }
        if !log_path.is_empty() {
            // Gone already is as good.
            let _ = std::fs::remove_file(log_path);
        }
    }
}

fn ephemeral_target(pod: &Pod, container: &Container, observed: &Observed) -> Option<String> {
    let mut all = pod::spec(pod).ephemeral_containers.iter().flatten();
    let own = all.find(|ephemeral| ephemeral.name == container.name)?;
    let target = own
        .target_container_name
        .as_deref()
        .filter(|name| !name.is_empty())?;
    observed.active(target).map(|target| target.id.clone())
}

/// As Go prints whole seconds: `10s`, `2m40s`, `5m0s`.
fn go_duration(seconds: i64) -> String {
    if seconds < 60 {
        format!("{seconds}s")
    } else {
        format!("{}m{}s", seconds / 60, seconds % 60)
    }
}
