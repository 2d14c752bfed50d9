//! Labels, annotations, names and hashes by which sandboxes and containers are found again.
//!
//! All of them are upstream's, so that either kubelet can take over the other's pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::pod;

pub(crate) const POD_NAME: &str = "io.kubernetes.pod.name";
pub(crate) const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
pub(crate) const POD_UID: &str = "io.kubernetes.pod.uid";
pub(crate) const CONTAINER_NAME: &str = "io.kubernetes.container.name";

const HASH: &str = "io.kubernetes.container.hash";
const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
const MESSAGE_PATH: &str = "io.kubernetes.container.terminationMessagePath";
const MESSAGE_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";
const PRE_STOP: &str = "io.kubernetes.container.preStopHandler";
const PORTS: &str = "io.kubernetes.container.ports";
const DELETION_GRACE: &str = "io.kubernetes.pod.deletionGracePeriod";
const TERMINATION_GRACE: &str = "io.kubernetes.pod.terminationGracePeriod";

type Labels = BTreeMap<String, String>;

/// Labels of a sandbox: the pod's own and who it is.
pub(crate) fn pod_labels(pod: &Pod) -> Labels {
    let mut labels = pod.metadata.labels.clone().unwrap_or_default();
    identify(pod, &mut labels);
    labels
}

pub(crate) fn container_labels(pod: &Pod, container: &Container) -> Labels {
    let mut labels = Labels::new();
    identify(pod, &mut labels);
    labels.insert(CONTAINER_NAME.into(), container.name.clone());
    labels
}

fn identify(pod: &Pod, labels: &mut Labels) {
    labels.insert(POD_NAME.into(), pod::name(pod).into());
    labels.insert(POD_NAMESPACE.into(), pod::namespace(pod).into());
    labels.insert(POD_UID.into(), pod::uid(pod).into());
}

pub(crate) fn container_annotations(
    pod: &Pod,
    container: &Container,
    restart_count: i32,
) -> Labels {
    let mut annotations = Labels::new();
    let mut put = |key: &str, value: String| annotations.insert(key.into(), value);
    put(HASH, format!("{:x}", hash_container(container)));
    put(RESTART_COUNT, restart_count.to_string());
    put(
        MESSAGE_PATH,
        container
            .termination_message_path
            .clone()
            .unwrap_or_default(),
    );
    put(
        MESSAGE_POLICY,
        container
            .termination_message_policy
            .clone()
            .unwrap_or_default(),
    );
    if let Some(grace) = pod.metadata.deletion_grace_period_seconds {
        put(DELETION_GRACE, grace.to_string());
    }
    if let Some(grace) = pod::spec(pod).termination_grace_period_seconds {
        put(TERMINATION_GRACE, grace.to_string());
    }
    let hook = container
        .lifecycle
        .as_ref()
        .and_then(|lifecycle| lifecycle.pre_stop.as_ref());
    if let Some(text) = hook.and_then(|hook| serde_json::to_string(hook).ok()) {
        put(PRE_STOP, text);
    }
    let ports = container.ports.as_ref().filter(|ports| !ports.is_empty());
    if let Some(text) = ports.and_then(|ports| serde_json::to_string(ports).ok()) {
        put(PORTS, text);
    }
    annotations
}

/// What the annotations of a container tell about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Annotated {
    pub(crate) hash: Option<u32>,
    pub(crate) restart_count: i32,
    pub(crate) message_path: String,
    pub(crate) message_policy: String,
}

pub(crate) fn read_annotations<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Annotated {
    let text = |key| get(key).unwrap_or_default().to_owned();
    Annotated {
        hash: get(HASH).and_then(|hash| u32::from_str_radix(hash, 16).ok()),
        restart_count: get(RESTART_COUNT)
            .and_then(|count| count.parse().ok())
            .unwrap_or(0),
        message_path: text(MESSAGE_PATH),
        message_policy: text(MESSAGE_POLICY),
    }
}

/// Upstream's hash of the fields whose change restarts a container: name and image.
pub(crate) fn hash_container(container: &Container) -> u32 {
    let image = container.image.as_deref().unwrap_or_default();
    let picked = BTreeMap::from([("image", image), ("name", container.name.as_str())]);
    let text = serde_json::to_string(&picked).expect("texts always serialise");
    // Upstream hashes Go's debugging form of the bytes, not the bytes.
    let bytes: Vec<String> = go_escaped(&text)
        .bytes()
        .map(|byte| byte.to_string())
        .collect();
    fnv32a(format!("([]uint8)[{}]", bytes.join(" ")).as_bytes())
}

/// Go's JSON encoder escapes these three in texts.
fn go_escaped(json: &str) -> String {
    json.replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
}

fn fnv32a(bytes: &[u8]) -> u32 {
    const OFFSET: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    bytes.iter().fold(OFFSET, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(PRIME)
    })
}

/// The directory of a pod's logs below the root of logs.
pub(crate) fn log_directory(pod: &Pod) -> String {
    format!(
        "{}_{}_{}",
        pod::namespace(pod),
        pod::name(pod),
        pod::uid(pod)
    )
}

/// The log of one run of a container, below the pod's directory.
pub(crate) fn log_path(container: &str, restart_count: i32) -> String {
    format!("{container}/{restart_count}.log")
}

/// The name of the link in `/var/log/containers`.
pub(crate) fn legacy_log_name(pod: &Pod, container: &str, id: &str) -> String {
    const NAME_MAX: usize = 255;
    const SUFFIX: &str = ".log";
    let mut name = format!(
        "{}_{}_{container}-{id}",
        pod::name(pod),
        pod::namespace(pod)
    );
    name.truncate(NAME_MAX - SUFFIX.len());
    name + SUFFIX
}

#[cfg(test)]
mod tests;
