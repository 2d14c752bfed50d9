//! Containers: making, starting, stopping and removing them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use prost::Message;
use styr_cri::v1;
use styr_kernel::mounts;
use styr_kernel::process::signals;
use styr_oci::launch::Overlay;
use styr_oci::pod_init::RUN_FILE;
use styr_oci::pod_init::protocol::{Action, Ended, Run};

use super::{Container, Life, Pod, Runtime, new_id};
use crate::images::Image;
use crate::records::{self, CONFIG_FILE, ContainerMeta};
use crate::spec;

const LONGEST_LOG_LINE: usize = 16 * 1024;
/// What others say of a container that could not be started.
const START_ERROR_CODE: i32 = 128;
const LOST_CODE: i32 = 137;
const DEFAULT_SIGNAL: &str = "SIGTERM";

impl Runtime {
    /// Makes a container, without a process yet.
    pub(crate) fn create_container(
        &self,
        pod: &Pod,
        config: v1::ContainerConfig,
    ) -> anyhow::Result<String> {
        if !pod.is_ready() {
            bail!("sandbox container {:?} is not running", pod.id);
        }
        let id = new_id();
        let asked = config.image.clone().unwrap_or_default().image;
        let image = self
            .images
            .find(&asked)?
            .with_context(|| format!("failed to resolve image {asked:?}: not found"))?;
        let folder = self.config.containers().join(&id);
        fs::create_dir_all(folder.join("rootfs"))?;
        self.images.hold(&image, &id)?;
        let made = self.make_files(pod, (&id, &folder), &image, config);
        match made {
            Ok(container) => {
                self.known()
                    .containers
                    .insert(id.clone(), Arc::new(container));
                self.announce(&id, &pod.id, v1::ContainerEventType::ContainerCreatedEvent);
                Ok(id)
            }
            Err(error) => {
                self.images.release(&id);
                detach_images(&folder);
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    fn make_files(
        &self,
        pod: &Pod,
        (id, folder): (&str, &std::path::Path),
        image: &Image,
        config: v1::ContainerConfig,
    ) -> anyhow::Result<Container> {
        let layers = self.images.layers(image);
        let pod_cgroup = pod.meta().cgroup.clone();
        let parent = pod_cgroup.rsplit_once('/').map_or("", |(parent, _)| parent);
        let cgroup = format!("{parent}/{id}");
        let options = namespace_options(&config);
        let target_pid = self.target_pid(&options)?;
        let (spec, user) = spec::build(&spec::Input {
            config: &config,
            image,
            layers: &layers,
            pod_folder: &pod.running,
            cgroup: cgroup.clone(),
            image_mounts: self.mount_images(id, folder, &config)?,
            target_pid,
        })?;
        let log = log_file(&pod.config, &config)?;
        let overlay = Overlay {
            lower: layers,
            upper: folder.join("upper"),
            work: folder.join("work"),
        };
        fs::create_dir_all(&overlay.upper)?;
        fs::create_dir_all(&overlay.work)?;
        let run = Run {
            overlay,
            log: log.clone(),
            stdin: config.stdin,
            stdin_once: config.stdin_once,
            shared_processes: options.pid() == v1::NamespaceMode::Pod,
            longest_line: LONGEST_LOG_LINE,
        };
        fs::write(folder.join(RUN_FILE), serde_json::to_vec(&run)?)?;
        fs::write(folder.join("config.json"), serde_json::to_vec(&spec)?)?;
        records::write(folder, CONFIG_FILE, &config.encode_to_vec())?;
        let meta = ContainerMeta {
            id: id.to_owned(),
            pod: pod.id.clone(),
            created_at: self.now(),
            image_id: image.id.clone(),
            image_ref: image.digests.first().unwrap_or(&image.id).clone(),
            log_path: log.to_string_lossy().into_owned(),
            cgroup,
            uid: user.uid,
            gid: user.gid,
            groups: user.additional_gids,
            stop_signal: stop_signal(&config, image),
            start_error: None,
        };
        records::write_meta(folder, &meta)?;
        Ok(Container::new(
            folder.to_owned(),
            config,
            meta,
            Life::Created,
        ))
    }

    /// A process of the container whose processes are to be seen.
    fn target_pid(&self, options: &v1::NamespaceOption) -> anyhow::Result<Option<i32>> {
        if options.pid() != v1::NamespaceMode::Target {
            return Ok(None);
        }
        let target = self.container(&options.target_id);
        let target = target.map_err(|error| anyhow!("{error}"))?;
        let pid = target.pid();
        Ok(Some(pid.context("the target container is not running")?))
    }

    /// Images given as volumes, each as an overlay of its layers.
    fn mount_images(
        &self,
        id: &str,
        folder: &std::path::Path,
        config: &v1::ContainerConfig,
    ) -> anyhow::Result<Vec<PathBuf>> {
        let mut mounted = Vec::new();
        for (number, mount) in config.mounts.iter().enumerate() {
            let Some(asked) = mount.image.as_ref().filter(|image| !image.image.is_empty()) else {
                continue;
            };
            let image = self.images.find(&asked.image)?;
            let image = image
                .with_context(|| format!("failed to resolve image {:?}: not found", asked.image))?;
            self.images.hold(&image, &format!("{id}-{number}"))?;
            let base = folder.join("images").join(number.to_string());
            let [upper, work, root] = ["upper", "work", "root"].map(|name| base.join(name));
            for path in [&upper, &work, &root] {
                fs::create_dir_all(path)?;
            }
            use std::os::fd::AsFd;
            let overlay = mounts::overlay(&self.images.layers(&image), &upper, &work)?;
            mounts::attach(overlay.as_fd(), mounts::open_point(&root)?.as_fd())?;
            let inside = root.join(mount.image_sub_path.trim_start_matches('/'));
            let real = fs::canonicalize(&inside).with_context(|| {
                format!("failed to find {:?} in the image", mount.image_sub_path)
            })?;
            if !real.starts_with(fs::canonicalize(&root)?) {
                bail!("the path {:?} leads out of the image", mount.image_sub_path);
            }
            mounted.push(real);
        }
        Ok(mounted)
    }

    /// Starts a container.
    pub(crate) async fn start_container(&self, container: &Container) -> anyhow::Result<()> {
        let _changing = container.changing.lock().await;
        if container.life() != Life::Created {
            bail!("container {:?} is not in created state", container.id);
        }
        let pod = self
            .pod(&container.pod)
            .map_err(|error| anyhow!("{error}"))?;
        let link = pod
            .link()
            .with_context(|| format!("sandbox {:?} is not running", pod.id))?;
        let action = Action::Start {
            container: container.id.clone(),
            folder: container.folder.clone(),
        };
        let answer = link.ask(action, &[]).await;
        let now = self.now();
        match answer {
            Ok(answer) => {
                let pid = answer.message.pid.unwrap_or_default();
                // Its end may have been noted already.
                container.life.send_if_modified(|life| {
                    let created = *life == Life::Created;
                    if created {
                        *life = Life::Running {
                            pid,
                            started_at: now,
                        };
                    }
                    created
                });
                let kind = v1::ContainerEventType::ContainerStartedEvent;
                self.announce(&container.id, &container.pod, kind);
                Ok(())
            }
            Err(error) => {
                let message = format!("unable to start container process: {error:#}");
                let meta = ContainerMeta {
                    start_error: Some((now, message.clone())),
                    ..container.meta.clone()
                };
                records::write_meta(&container.folder, &meta)?;
                container
                    .life
                    .send_replace(start_error(now, message.clone()));
                let kind = v1::ContainerEventType::ContainerStoppedEvent;
                self.announce(&container.id, &container.pod, kind);
                bail!("{message}")
            }
        }
    }

    /// What a pod's init says of something that ended.
    pub(super) fn note_end(&self, ended: Ended) {
        let exec = self
            .execs
            .lock()
            .expect("no holder of this lock panics")
            .remove(&ended.id);
        if let Some(waiting) = exec {
            // Whoever waited may have given up.
            let _ = waiting.send(ended);
            return;
        }
        let Ok(container) = self.container(&ended.id) else {
            return;
        };
        container.life.send_modify(|life| {
            let started_at = match life {
                Life::Running { started_at, .. } => *started_at,
                _ => ended.nanoseconds,
            };
            *life = exited(started_at, &ended);
        });
        let kind = v1::ContainerEventType::ContainerStoppedEvent;
        self.announce(&container.id, &container.pod, kind);
    }

    /// It has ended, and nobody saw how.
    pub(super) fn note_lost(&self, container: &Container) {
        let now = self.now();
        let changed = container.life.send_if_modified(|life| {
            let Life::Running { started_at, .. } = *life else {
                return false;
            };
            *life = lost(started_at, now);
            true
        });
        if changed {
            let kind = v1::ContainerEventType::ContainerStoppedEvent;
            self.announce(&container.id, &container.pod, kind);
        }
    }

    /// Asks a container to end, and ends it after `patience`.
    pub(crate) async fn stop(
        &self,
        container: &Container,
        patience: Duration,
    ) -> anyhow::Result<()> {
        if !container.is_running() {
            return Ok(());
        }
        let pod = self
            .pod(&container.pod)
            .map_err(|error| anyhow!("{error}"))?;
        let Some(link) = pod.link() else {
            self.note_lost(container);
            return Ok(());
        };
        if !patience.is_zero() {
            let name = &container.meta.stop_signal;
            let number =
                signals::number(name).with_context(|| format!("unknown signal {name:?}"))?;
            // It may have ended in between.
            let _ = link.signal(&container.id, number).await;
            tokio::select! {
                () = container.ended() => return Ok(()),
                () = self.clock.sleep(patience) => {}
            }
        }
        let _ = link.signal(&container.id, libc::SIGKILL).await;
        container.ended().await;
        Ok(())
    }

    /// Removes a container, which is ended first if it runs.
    pub(crate) async fn remove_container(&self, id: &str) -> anyhow::Result<()> {
        let Ok(container) = self.container(id) else {
            return Ok(());
        };
        self.stop(&container, Duration::ZERO).await?;
        let _changing = container.changing.lock().await;
        detach_images(&container.folder);
        match fs::remove_dir_all(&container.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("could not remove {}", container.folder.display()));
            }
            _ => {}
        }
        self.images.release(id);
        for number in 0..container.config.mounts.len() {
            self.images.release(&format!("{id}-{number}"));
        }
        self.announce(
            id,
            &container.pod,
            v1::ContainerEventType::ContainerDeletedEvent,
        );
        self.known().containers.remove(id);
        Ok(())
    }

    /// Changes the limits of a container.
    pub(crate) fn update_container(
        &self,
        container: &Container,
        given: &v1::LinuxContainerResources,
    ) -> anyhow::Result<()> {
        if container.is_running() {
            let group = self.cgroups.open(&container.meta.cgroup)?;
            group.set_limits(&spec::limits(Some(given), Vec::new()).limits())?;
        } else {
            let mut spec = styr_oci::Spec::read(&container.folder.join("config.json"))?;
            if let Some(resources) = spec
                .linux
                .as_mut()
                .and_then(|linux| linux.resources.as_mut())
            {
                let devices = std::mem::take(&mut resources.devices);
                *resources = spec::limits(Some(given), devices);
            }
            records::write(
                &container.folder,
                "config.json",
                &serde_json::to_vec(&spec)?,
            )?;
        }
        let mut resources = container
            .resources
            .lock()
            .expect("no holder of this lock panics");
        merge(resources.get_or_insert_default(), given);
        Ok(())
    }
}

fn namespace_options(config: &v1::ContainerConfig) -> v1::NamespaceOption {
    let linux = config.linux.as_ref();
    let security = linux.and_then(|linux| linux.security_context.as_ref());
    let options = security.and_then(|security| security.namespace_options.clone());
    options.unwrap_or_default()
}

/// Where the log goes; empty for nowhere.
fn log_file(pod: &v1::PodSandboxConfig, config: &v1::ContainerConfig) -> anyhow::Result<PathBuf> {
    if pod.log_directory.is_empty() || config.log_path.is_empty() {
        return Ok(PathBuf::new());
    }
    let log = PathBuf::from(&pod.log_directory).join(&config.log_path);
    if let Some(parent) = log.parent() {
        fs::create_dir_all(parent).context("could not make the folder of the log")?;
    }
    Ok(log)
}

/// What is not given stays.
fn merge(known: &mut v1::LinuxContainerResources, given: &v1::LinuxContainerResources) {
    let set = |known: &mut i64, given: i64| {
        if given != 0 {
            *known = given;
        }
    };
    set(&mut known.cpu_period, given.cpu_period);
    set(&mut known.cpu_quota, given.cpu_quota);
    set(&mut known.cpu_shares, given.cpu_shares);
    set(
        &mut known.memory_limit_in_bytes,
        given.memory_limit_in_bytes,
    );
    set(
        &mut known.memory_swap_limit_in_bytes,
        given.memory_swap_limit_in_bytes,
    );
    for (known, given) in [
        (&mut known.cpuset_cpus, &given.cpuset_cpus),
        (&mut known.cpuset_mems, &given.cpuset_mems),
    ] {
        if !given.is_empty() {
            known.clone_from(given);
        }
    }
}

fn stop_signal(config: &v1::ContainerConfig, image: &Image) -> String {
    if config.stop_signal() != v1::Signal::RuntimeDefault {
        let name = config
            .stop_signal()
            .as_str_name()
            .trim_start_matches("SIGNAL_");
        return name.replace("PLUS", "+").replace("MINUS", "-");
    }
    let signal = &image.config.stop_signal;
    if signal.is_empty() {
        DEFAULT_SIGNAL.to_owned()
    } else {
        signal.clone()
    }
}

pub(super) fn exited(started_at: i64, ended: &Ended) -> Life {
    let reason = match (ended.out_of_memory, ended.code) {
        (true, _) => "OOMKilled",
        (false, 0) => "Completed",
        (false, _) => "Error",
    };
    Life::Exited {
        started_at,
        finished_at: ended.nanoseconds,
        code: ended.code,
        reason: reason.to_owned(),
        message: String::new(),
    }
}

pub(super) fn start_error(at: i64, message: String) -> Life {
    let reason = "StartError".to_owned();
    Life::Exited {
        started_at: 0,
        finished_at: at,
        code: START_ERROR_CODE,
        reason,
        message,
    }
}

pub(super) fn lost(started_at: i64, now: i64) -> Life {
    let reason = "Error".to_owned();
    let message = "the pod's init was lost".to_owned();
    Life::Exited {
        started_at,
        finished_at: now,
        code: LOST_CODE,
        reason,
        message,
    }
}

fn detach_images(folder: &std::path::Path) {
    let Ok(entries) = fs::read_dir(folder.join("images")) else {
        return;
    };
    for entry in entries.flatten() {
        if let Err(error) = mounts::detach(&entry.path().join("root")) {
            tracing::warn!(%error, "an image volume stays mounted");
        }
    }
}
