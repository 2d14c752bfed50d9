//! Pods: making, stopping and removing them.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, bail};
use prost::Message;
use serde_json::{Value, json};
use styr_cri::v1;
use styr_kernel::cgroups::Cgroup;
use styr_kernel::mounts;
use styr_kernel::netlink::Netlink;
use styr_kernel::netns::NetNs;
use styr_oci::pod_init::protocol::{Action, Pod as InitPod};
use styr_oci::pod_init::{self, POD_FILE, READY};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

use super::{Pod, Runtime, new_id};
use crate::cni::{self, Attachment};
use crate::pod_link::{PodEvent, PodLink};
use crate::records::{self, CONFIG_FILE, PodMeta};
use crate::spec::files;

const LONGEST_HOST_NAME: usize = 63;
const SHM_OPTIONS: [&str; 2] = ["mode=1777", "size=67108864"];
/// Of the pod's init: the kernel ends containers before it.
const OOM_SCORE: i32 = -998;

impl Runtime {
    /// Makes a pod and starts its init.
    pub(crate) async fn run_pod(
        self: &Arc<Self>,
        config: v1::PodSandboxConfig,
        handler: String,
    ) -> anyhow::Result<String> {
        if !matches!(handler.as_str(), "" | "runc" | "styr") {
            bail!("no runtime for {handler:?} is configured");
        }
        let id = new_id();
        let folder = self.config.pods().join(&id);
        let running = self.config.running().join(&id);
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(&running)?;
        records::write(&folder, CONFIG_FILE, &config.encode_to_vec())?;
        let meta = PodMeta {
            id: id.clone(),
            created_at: self.now(),
            runtime_handler: handler,
            cgroup: self.cgroup_of(&config, &id),
            ..PodMeta::default()
        };
        let pod = Arc::new(Pod::new(folder, running, config, meta, None));
        match self.set_up(&pod).await {
            Ok(events) => {
                let meta = pod.meta().clone();
                records::write_meta(&pod.folder, &meta)?;
                self.known().pods.insert(id.clone(), Arc::clone(&pod));
                self.follow(pod, events);
                self.announce(&id, &id, v1::ContainerEventType::ContainerCreatedEvent);
                self.announce(&id, &id, v1::ContainerEventType::ContainerStartedEvent);
                Ok(id)
            }
            Err(error) => {
                if let Err(error) = self.tear_down(&pod).await {
                    tracing::warn!(error = %format!("{error:#}"), "a half-made pod remains");
                }
                let _ = fs::remove_dir_all(&pod.folder);
                Err(error)
            }
        }
    }

    fn cgroup_of(&self, config: &v1::PodSandboxConfig, id: &str) -> String {
        let asked = config
            .linux
            .as_ref()
            .map(|linux| linux.cgroup_parent.as_str());
        let parent = asked
            .filter(|parent| !parent.is_empty())
            .unwrap_or(&self.config.cgroup_parent);
        format!("{}/{id}", parent.trim_end_matches('/'))
    }

    async fn set_up(self: &Arc<Self>, pod: &Arc<Pod>) -> anyhow::Result<mpsc::Receiver<PodEvent>> {
        let options = pod.security().namespace_options.unwrap_or_default();
        if options
            .userns_options
            .as_ref()
            .is_some_and(|user| user.mode() == v1::NamespaceMode::Pod)
        {
            bail!("user namespaces are not implemented");
        }
        let own_network = options.network() != v1::NamespaceMode::Node;
        let own_ipc = options.ipc() != v1::NamespaceMode::Node;
        if own_network {
            let path = self.config.networks().join(&pod.id);
            make_network(&path)?;
            pod.meta().network = Some(path);
            // On disk before the plugins run, so that a crash leaves nothing that nobody knows.
            let meta = pod.meta().clone();
            records::write_meta(
                &pod.folder,
                &PodMeta {
                    stopped: true,
                    ..meta
                },
            )?;
        }
        files::write(&pod.running, &pod.config, own_network)?;
        if own_ipc {
            let shm = pod.running.join(files::SHM);
            fs::create_dir_all(&shm)?;
            mounts::tmpfs(&shm, &SHM_OPTIONS).context("could not mount the shared memory")?;
        }
        let linux = pod.config.linux.clone().unwrap_or_default();
        let host_name = pod
            .config
            .hostname
            .chars()
            .take(LONGEST_HOST_NAME)
            .collect();
        let known = pod.meta().clone();
        let init = InitPod {
            network: known.network,
            own_ipc,
            own_host_name: own_network,
            host_name,
            shared_processes: options.pid() == v1::NamespaceMode::Pod,
            cgroup: known.cgroup,
            sysctls: linux.sysctls.into_iter().collect(),
            oom_score: OOM_SCORE,
        };
        fs::write(pod.running.join(POD_FILE), serde_json::to_vec(&init)?)?;
        let start = self.start_init(&pod.running);
        let (connected, started) = tokio::join!(self.connect(pod, own_network), start);
        connected?;
        started?;
        let (link, events) = PodLink::connect(&pod.running)?;
        link.ask(Action::Subscribe, &[]).await?;
        pod.set_link(Some(link));
        Ok(events)
    }

    async fn connect(&self, pod: &Pod, own_network: bool) -> anyhow::Result<()> {
        if !own_network {
            return Ok(());
        }
        let failed = || {
            format!(
                "failed to setup network for sandbox {:?}: plugin failed (add)",
                pod.id
            )
        };
        let network = pod
            .meta()
            .network
            .clone()
            .context("the pod has no network")?;
        let metadata = pod.metadata();
        let result = self
            .cni
            .add(&attachment(pod, &network, &metadata))
            .await
            .with_context(failed)?;
        let mut meta = pod.meta();
        meta.addresses = cni::addresses(&result);
        meta.network_result = Some(result);
        drop(meta);
        if pod.meta().addresses.is_empty() {
            bail!("failed to find network info for sandbox {:?}", pod.id);
        }
        Ok(())
    }

    /// Starts a pod's init, and waits until it serves.
    async fn start_init(&self, folder: &Path) -> anyhow::Result<()> {
        let errors = fs::File::create(folder.join("init.log"))?;
        let mut child = tokio::process::Command::new(&self.program)
            .arg(pod_init::NAME)
            .arg(folder)
            // Nothing else is set, not even the folder: with more, the standard library forks, which
            // copies this process's page tables, instead of sharing them until the program runs.
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .context("could not start the pod's init")?;
        let mut said = Vec::new();
        if let Some(mut output) = child.stdout.take() {
            let mut buffer = [0; READY.len()];
            while said != READY {
                match output.read(&mut buffer).await? {
                    0 => break,
                    length => said.extend_from_slice(&buffer[..length]),
                }
            }
        }
        if said != READY {
            let text = fs::read_to_string(folder.join("init.log")).unwrap_or_default();
            bail!("the pod's init did not start: {}", text.trim());
        }
        // It goes on by itself; when it ends while this process lives, this process reaps it.
        self.tasks.spawn_infallible(async move {
            let _ = child.wait().await;
        });
        Ok(())
    }

    /// Ends all processes of a pod and takes its network away.
    pub(crate) async fn stop_pod(&self, id: &str) -> anyhow::Result<()> {
        let Ok(pod) = self.pod(id) else { return Ok(()) };
        let _changing = pod.changing.lock().await;
        for container in self.containers_of(id) {
            self.stop(&container, std::time::Duration::ZERO).await?;
        }
        self.tear_down(&pod).await?;
        let was_ready = !std::mem::replace(&mut pod.meta().stopped, true);
        if was_ready {
            let meta = pod.meta().clone();
            records::write_meta(&pod.folder, &meta)?;
            self.announce(id, id, v1::ContainerEventType::ContainerStoppedEvent);
        }
        Ok(())
    }

    async fn tear_down(&self, pod: &Pod) -> anyhow::Result<()> {
        let network = pod.meta().network.clone();
        if let Some(network) = network.filter(|network| network.exists()) {
            let metadata = pod.metadata();
            let result = pod.meta().network_result.clone();
            self.cni
                .delete(&attachment(pod, &network, &metadata), result.as_ref())
                .await
                .with_context(|| format!("failed to destroy network for sandbox {:?}", pod.id))?;
            NetNs::unpin(&network)?;
        }
        if let Some(link) = pod.link() {
            // It answers, or it is gone: either way it ends.
            let _ = link.ask(Action::Stop, &[]).await;
        }
        let cgroup = pod.meta().cgroup.clone();
        let group = self.cgroups.open(&cgroup)?;
        tokio::task::spawn_blocking(move || end_group(&group))
            .await?
            .context("could not remove the pod's control group")?;
        pod.set_link(None);
        mounts::detach(&pod.running.join(files::SHM)).context("could not unmount shared memory")?;
        match fs::remove_dir_all(&pod.running) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("could not remove {}", pod.running.display()))
            }
            _ => Ok(()),
        }
    }

    /// Removes a pod with its containers.
    pub(crate) async fn remove_pod(&self, id: &str) -> anyhow::Result<()> {
        let Ok(pod) = self.pod(id) else { return Ok(()) };
        self.stop_pod(id).await?;
        for container in self.containers_of(id) {
            self.remove_container(&container.id).await?;
        }
        let _changing = pod.changing.lock().await;
        fs::remove_dir_all(&pod.folder)
            .with_context(|| format!("could not remove {}", pod.folder.display()))?;
        self.announce(id, id, v1::ContainerEventType::ContainerDeletedEvent);
        self.known().pods.remove(id);
        Ok(())
    }

    /// Deals with what a pod's init reports, until it ends.
    pub(super) fn follow(self: &Arc<Self>, pod: Arc<Pod>, mut events: mpsc::Receiver<PodEvent>) {
        let runtime = Arc::downgrade(self);
        self.tasks.spawn_infallible(async move {
            while let Some(event) = events.recv().await {
                let Some(runtime) = runtime.upgrade() else {
                    return;
                };
                match event {
                    PodEvent::Ended(ended) => runtime.note_end(ended),
                    PodEvent::Gone => {
                        runtime.note_gone(&pod).await;
                        return;
                    }
                }
            }
        });
    }

    /// The init has ended: on request, or it was killed, and its containers are left without.
    async fn note_gone(&self, pod: &Pod) {
        pod.set_link(None);
        if pod.meta().stopped {
            return;
        }
        for container in self.containers_of(&pod.id) {
            if let Ok(group) = self.cgroups.open(&container.meta.cgroup) {
                let killed = tokio::task::spawn_blocking(move || end_group(&group));
                if let Ok(Err(error)) = killed.await {
                    tracing::warn!(%error, id = container.id, "container of a lost pod remains");
                }
            }
            self.note_lost(&container);
        }
    }
}

/// Removes a group with all its processes. Nearly always they have ended by then, and listing them
/// takes longer than trying.
fn end_group(group: &Cgroup) -> std::io::Result<()> {
    if group.remove().is_ok() {
        return Ok(());
    }
    group.kill()?;
    group.remove()
}

fn attachment<'a>(
    pod: &'a Pod,
    network: &'a Path,
    metadata: &'a v1::PodSandboxMetadata,
) -> Attachment<'a> {
    let mappings = pod
        .config
        .port_mappings
        .iter()
        .filter(|mapping| mapping.host_port != 0);
    let mappings = mappings.map(|mapping| {
        let protocol = mapping.protocol().as_str_name().to_lowercase();
        let mut value = json!({
            "hostPort": mapping.host_port,
            "containerPort": mapping.container_port,
            "protocol": protocol
        });
        if !mapping.host_ip.is_empty() {
            value["hostIP"] = Value::from(mapping.host_ip.clone());
        }
        value
    });
    Attachment {
        id: &pod.id,
        network,
        namespace: &metadata.namespace,
        name: &metadata.name,
        uid: &metadata.uid,
        port_mappings: mappings.collect(),
    }
}

fn make_network(path: &Path) -> anyhow::Result<()> {
    let network = NetNs::create_pinned(path)?;
    network.run(|| -> anyhow::Result<()> {
        let mut netlink = Netlink::open()?;
        if let Some(link) = netlink.link("lo")? {
            netlink.set_up(link.index)?;
        }
        Ok(())
    })??;
    Ok(())
}
