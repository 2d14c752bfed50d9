//! Pods and containers in the contract's words.

use styr_cri::v1;

use super::{Container, Life, Pod, Runtime};

pub(crate) fn pod_state(pod: &Pod) -> v1::PodSandboxState {
    if pod.is_ready() {
        v1::PodSandboxState::SandboxReady
    } else {
        v1::PodSandboxState::SandboxNotready
    }
}

pub(crate) fn pod_status(pod: &Pod) -> v1::PodSandboxStatus {
    let meta = pod.meta().clone();
    let mut addresses = meta.addresses.into_iter();
    let network = v1::PodSandboxNetworkStatus {
        ip: addresses.next().unwrap_or_default(),
        additional_ips: addresses.map(|ip| v1::PodIp { ip }).collect(),
    };
    v1::PodSandboxStatus {
        id: pod.id.clone(),
        metadata: pod.config.metadata.clone(),
        state: pod_state(pod).into(),
        created_at: meta.created_at,
        network: Some(network),
        linux: Some(v1::LinuxPodSandboxStatus {
            namespaces: Some(v1::Namespace {
                options: pod.security().namespace_options,
            }),
        }),
        labels: pod.config.labels.clone(),
        annotations: pod.config.annotations.clone(),
        runtime_handler: meta.runtime_handler,
    }
}

pub(crate) fn pod_entry(pod: &Pod) -> v1::PodSandbox {
    let meta = pod.meta().clone();
    v1::PodSandbox {
        id: pod.id.clone(),
        metadata: pod.config.metadata.clone(),
        state: pod_state(pod).into(),
        created_at: meta.created_at,
        labels: pod.config.labels.clone(),
        annotations: pod.config.annotations.clone(),
        runtime_handler: meta.runtime_handler,
    }
}

pub(crate) fn state_of(container: &Container) -> v1::ContainerState {
    match container.life() {
        Life::Created => v1::ContainerState::ContainerCreated,
        Life::Running { .. } => v1::ContainerState::ContainerRunning,
        Life::Exited { .. } => v1::ContainerState::ContainerExited,
    }
}

pub(crate) fn container_entry(container: &Container) -> v1::Container {
    v1::Container {
        id: container.id.clone(),
        pod_sandbox_id: container.pod.clone(),
        metadata: container.config.metadata.clone(),
        image: container.config.image.clone(),
        image_ref: container.meta.image_id.clone(),
        state: state_of(container).into(),
        created_at: container.meta.created_at,
        labels: container.config.labels.clone(),
        annotations: container.config.annotations.clone(),
        image_id: container.meta.image_id.clone(),
    }
}

impl Runtime {
    /// All that is known of a container.
    pub(crate) fn status_of(&self, container: &Container) -> v1::ContainerStatus {
        let meta = &container.meta;
        let resources = container
            .resources
            .lock()
            .expect("no holder of this lock panics")
            .clone();
        let groups = meta.groups.iter().map(|&group| i64::from(group));
        let image = container.config.image.clone().unwrap_or_default();
        // The name that people know, if kubelet asked by id.
        let found = self.images.find(&meta.image_id).ok().flatten();
        let name = found.and_then(|found| found.tags.first().cloned());
        let asked = image.user_specified_image.clone();
        let shown = if asked.is_empty() {
            name.unwrap_or(image.image.clone())
        } else {
            asked
        };
        let mut status = v1::ContainerStatus {
            id: container.id.clone(),
            metadata: container.config.metadata.clone(),
            state: state_of(container).into(),
            created_at: meta.created_at,
            image: Some(v1::ImageSpec {
                image: shown,
                ..image
            }),
            image_ref: meta.image_ref.clone(),
            image_id: meta.image_id.clone(),
            labels: container.config.labels.clone(),
            annotations: container.config.annotations.clone(),
            mounts: container.config.mounts.clone(),
            log_path: meta.log_path.clone(),
            resources: Some(v1::ContainerResources {
                linux: resources,
                windows: None,
            }),
            user: Some(v1::ContainerUser {
                linux: Some(v1::LinuxContainerUser {
                    uid: i64::from(meta.uid),
                    gid: i64::from(meta.gid),
                    supplemental_groups: groups.collect(),
                }),
            }),
            stop_signal: signal(&meta.stop_signal).into(),
            ..v1::ContainerStatus::default()
        };
        match container.life() {
            Life::Created => {}
            Life::Running { started_at, .. } => status.started_at = started_at,
            Life::Exited {
                started_at,
                finished_at,
                code,
                reason,
                message,
            } => {
                status.started_at = started_at;
                status.finished_at = finished_at;
                status.exit_code = code;
                status.reason = reason;
                status.message = message;
            }
        }
        status
    }
}

fn signal(name: &str) -> v1::Signal {
    let name = name
        .trim_start_matches("SIG")
        .replace('+', "PLUS")
        .replace('-', "MINUS");
    v1::Signal::from_str_name(&format!("SIGNAL_SIG{name}")).unwrap_or_default()
}

/// Whether all wanted labels are there.
pub(crate) fn has_labels<S: std::hash::BuildHasher>(
    labels: &std::collections::HashMap<String, String, S>,
    wanted: &std::collections::HashMap<String, String, S>,
) -> bool {
    wanted
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}
