//! The configuration of a container.

use k8s_openapi::api::core::v1::{Container, Pod};
use styr_cri::v1;

use super::security::{self, ImageUser};
use super::{Environment, expand, resources};
use crate::identity;

/// What a container's configuration is made of, besides pod and container.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) restart_count: i32,
    pub(crate) image_ref: String,
    pub(crate) image_user: &'a ImageUser,
    pub(crate) environment: Environment,
    pub(crate) mounts: Vec<v1::Mount>,
    pub(crate) memory_capacity: i64,
    pub(crate) security: security::Settings<'a>,
}

pub(crate) fn config(pod: &Pod, container: &Container, parts: Parts<'_>) -> v1::ContainerConfig {
    let expanded = |words: &Option<Vec<String>>| {
        let words = words.iter().flatten();
        words
            .map(|word| expand::expand(word, |name| parts.environment.get(name).cloned()))
            .collect()
    };
    let signal = container
        .lifecycle
        .as_ref()
        .and_then(|lifecycle| lifecycle.stop_signal.as_deref());
    v1::ContainerConfig {
        metadata: Some(v1::ContainerMetadata {
            name: container.name.clone(),
            attempt: u32::try_from(parts.restart_count).unwrap_or(0),
        }),
        image: Some(v1::ImageSpec {
            image: parts.image_ref,
            user_specified_image: container.image.clone().unwrap_or_default(),
            ..v1::ImageSpec::default()
        }),
        command: expanded(&container.command),
        args: expanded(&container.args),
        working_dir: container.working_dir.clone().unwrap_or_default(),
        labels: identity::container_labels(pod, container)
            .into_iter()
            .collect(),
        annotations: identity::container_annotations(pod, container, parts.restart_count)
            .into_iter()
            .collect(),
        log_path: identity::log_path(&container.name, parts.restart_count),
        stdin: container.stdin == Some(true),
        stdin_once: container.stdin_once == Some(true),
        tty: container.tty == Some(true),
        linux: Some(v1::LinuxContainerConfig {
            resources: Some(resources::of_container(
                pod,
                container,
                parts.memory_capacity,
            )),
            security_context: Some(security::of_container(
                pod,
                container,
                parts.image_user,
                &parts.security,
            )),
        }),
        envs: parts
            .environment
            .into_iter()
            .map(|(key, value)| v1::KeyValue {
                key,
                value: value.into_bytes().into(),
            })
            .collect(),
        mounts: parts.mounts,
        stop_signal: signal.and_then(stop_signal).unwrap_or(0),
        ..v1::ContainerConfig::default()
    }
}

fn stop_signal(name: &str) -> Option<i32> {
    let name = format!(
        "SIGNAL_{}",
        name.replace("RTMIN+", "RTMINPLUS")
            .replace("RTMAX-", "RTMAXMINUS")
    );
    v1::Signal::from_str_name(&name).map(i32::from)
}
