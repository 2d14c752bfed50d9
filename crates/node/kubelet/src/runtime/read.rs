//! From the wire format to what the rest of the kubelet reads.

use std::path::Path;

use jiff::Timestamp;
use styr_cri::v1;

use crate::identity;
use crate::launch::mounts::last_words;
use crate::observed::{Container, Sandbox, State, User};

pub(super) fn sandbox(status: &v1::PodSandboxStatus) -> Sandbox {
    let network = status.network.as_ref();
    let main = network.map(|network| network.ip.clone());
    let more = network
        .into_iter()
        .flat_map(|network| &network.additional_ips);
    let more = more.map(|ip| ip.ip.clone());
    let options = status
        .linux
        .as_ref()
        .and_then(|linux| linux.namespaces.as_ref());
    let options = options.and_then(|namespaces| namespaces.options.as_ref());
    Sandbox {
        id: status.id.clone(),
        is_ready: status.state() == v1::PodSandboxState::SandboxReady,
        attempt: status
            .metadata
            .as_ref()
            .map_or(0, |metadata| metadata.attempt),
        created_at: status.created_at,
        uses_host_network: options.is_some_and(|o| o.network() == v1::NamespaceMode::Node),
        ips: main
            .into_iter()
            .chain(more)
            .filter(|ip| !ip.is_empty())
            .collect(),
    }
}

pub(super) fn container(status: &v1::ContainerStatus, sandbox_id: String) -> Container {
    let annotated =
        identity::read_annotations(|key| status.annotations.get(key).map(String::as_str));
    let state = match status.state() {
        v1::ContainerState::ContainerCreated => State::Created,
        v1::ContainerState::ContainerRunning => State::Running,
        v1::ContainerState::ContainerExited => State::Exited,
        v1::ContainerState::ContainerUnknown => State::Unknown,
    };
    let mut message = status.message.clone();
    if state == State::Exited {
        let ended = (status.exit_code, Path::new(&status.log_path));
        let words = last_words(&status.mounts, &annotated, ended);
        if !words.is_empty() {
            message = words;
        }
    }
    let metadata = status.metadata.clone().unwrap_or_default();
    let labelled = status.labels.get(identity::CONTAINER_NAME).cloned();
    let image = status.image.as_ref();
    let written = image
        .map(|image| image.user_specified_image.clone())
        .unwrap_or_default();
    let resolved = image.map(|image| image.image.clone()).unwrap_or_default();
    let user = status.user.as_ref().and_then(|user| user.linux.as_ref());
    Container {
        id: status.id.clone(),
        name: labelled.unwrap_or(metadata.name),
        sandbox_id,
        state,
        created_at: status.created_at,
        started_at: time(status.started_at),
        finished_at: time(status.finished_at),
        exit_code: status.exit_code,
        reason: status.reason.clone(),
        message,
        image: if resolved.is_empty() {
            written
        } else {
            resolved
        },
        image_ref: status.image_ref.clone(),
        hash: annotated.hash,
        restart_count: annotated.restart_count,
        log_path: status.log_path.clone(),
        applied: status
            .resources
            .as_ref()
            .and_then(|resources| resources.linux.as_ref())
            .map(crate::worker::resize::applied),
        user: user.map(|user| User {
            uid: user.uid,
            gid: user.gid,
            supplemental_groups: user.supplemental_groups.clone(),
        }),
    }
}

fn time(nanoseconds: i64) -> Option<Timestamp> {
    (nanoseconds > 0).then(|| Timestamp::from_nanosecond(i128::from(nanoseconds)).ok())?
}
