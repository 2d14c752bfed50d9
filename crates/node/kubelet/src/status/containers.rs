//! The statuses of containers, the way upstream puts them together.

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, ContainerUser, LinuxContainerUser, Pod,
    VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Inputs;
use crate::observed::{self, Observed, State};
use crate::plan::should_start;
use crate::pod;

pub(super) struct Sets {
    pub(super) init: Vec<ContainerStatus>,
    pub(super) ordinary: Vec<ContainerStatus>,
    pub(super) ephemeral: Vec<ContainerStatus>,
}

#[derive(Clone, Copy, PartialEq)]
enum Sort {
    Init,
    Ordinary,
    Ephemeral,
}

pub(super) fn compute(pod: &Pod, observed: &Observed, inputs: &Inputs<'_>) -> Sets {
    let old = inputs.old;
    let of = |containers: &[Container], old: &Option<Vec<ContainerStatus>>, sort| {
        let old = old.as_deref().unwrap_or_default();
        let containers = containers.iter();
        containers
            .map(|container| {
                let before = old.iter().find(|status| status.name == container.name);
                one(pod, (container, sort), observed, (before, inputs))
            })
            .collect::<Vec<_>>()
    };
    let mut ordinary = of(
        pod::containers(pod),
        &old.container_statuses,
        Sort::Ordinary,
    );
    ordinary.sort_by(|a, b| a.name.cmp(&b.name));
    let ephemeral = pod::ephemeral_containers(pod);
    Sets {
        init: of(
            pod::init_containers(pod),
            &old.init_container_statuses,
            Sort::Init,
        ),
        ordinary,
        ephemeral: of(
            &ephemeral,
            &old.ephemeral_container_statuses,
            Sort::Ephemeral,
        ),
    }
}

fn one(
    pod: &Pod,
    (container, sort): (&Container, Sort),
    observed: &Observed,
    (before, inputs): (Option<&ContainerStatus>, &Inputs<'_>),
) -> ContainerStatus {
    let mut seen = observed
        .containers
        .iter()
        .filter(|seen| seen.name == container.name);
    let (newest, previous) = (seen.next(), seen.next());
    let mut status = match newest {
        Some(newest) => from_runtime(container, newest, previous, (before, inputs)),
        None => from_nothing(pod, container, before),
    };
    let latest = newest.map(|newest| (newest.state, newest.exit_code));
    if sort == Sort::Init && latest == Some((State::Exited, 0)) && !pod::is_sidecar(container) {
        return finish((container, sort), status, inputs, newest);
    }
    if newest.is_none() && sort == Sort::Init && lost_but_done(pod, container, observed) {
        if status
            .state
            .as_ref()
            .is_some_and(|state| state.waiting.is_some())
        {
            status.state = Some(terminated(ContainerStateTerminated {
                reason: Some("Completed".into()),
                message: Some("Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally".into()),
                ..ContainerStateTerminated::default()
            }));
        }
        return finish((container, sort), status, inputs, newest);
    }
    if should_start(pod, container, observed)
        && let Some((reason, message)) = (inputs.waiting)(&container.name)
    {
        if status
            .state
            .as_ref()
            .is_some_and(|state| state.terminated.is_some())
        {
            status.last_state = status.state.take();
        }
        status.state = Some(waiting(&reason, &message));
    }
    finish((container, sort), status, inputs, newest)
}

fn lost_but_done(pod: &Pod, container: &Container, observed: &Observed) -> bool {
    let mut ordinary = pod::containers(pod).iter();
    !pod::is_sidecar(container) && ordinary.any(|c| observed.latest(&c.name).is_some())
}

fn from_runtime(
    container: &Container,
    newest: &observed::Container,
    previous: Option<&observed::Container>,
    (before, inputs): (Option<&ContainerStatus>, &Inputs<'_>),
) -> ContainerStatus {
    let id = container_id(inputs, newest);
    let mut status = ContainerStatus {
        name: newest.name.clone(),
        restart_count: newest.restart_count,
        image: newest.image.clone(),
        image_id: newest.image_ref.clone(),
        container_id: Some(id.clone()),
        state: Some(state(inputs, newest)),
        last_state: Some(ContainerState::default()),
        volume_mounts: mounts(container),
        ..ContainerStatus::default()
    };
    if let Some(before) = before {
        status.restart_count = status.restart_count.max(before.restart_count);
        let ended = before
            .state
            .as_ref()
            .filter(|state| state.terminated.is_some());
        let last = before
            .last_state
            .as_ref()
            .filter(|state| state.terminated.is_some());
        let is_other = before.container_id.as_deref() != Some(&id);
        let last = ended.filter(|_| is_other).or(last);
        status.last_state = last.cloned().or(status.last_state);
    }
    if let Some(previous) = previous {
        status.last_state = Some(state(inputs, previous));
    }
    if newest.state == State::Running {
        status.resources = container.resources.clone();
    }
    let requests = container
        .resources
        .as_ref()
        .and_then(|resources| resources.requests.clone());
    status.allocated_resources = requests;
    status.resources = container.resources.clone();
    status.user = newest.user.as_ref().map(|user| ContainerUser {
        linux: Some(LinuxContainerUser {
            uid: user.uid,
            gid: user.gid,
            supplemental_groups: Some(user.supplemental_groups.clone()),
        }),
    });
    status
}

fn container_id(inputs: &Inputs<'_>, container: &observed::Container) -> String {
    format!("{}://{}", inputs.runtime, container.id)
}

fn state(inputs: &Inputs<'_>, container: &observed::Container) -> ContainerState {
    let id = container_id(inputs, container);
    match container.state {
        State::Created => waiting("", ""),
        State::Running => ContainerState {
            running: Some(ContainerStateRunning {
                started_at: container.started_at.map(seconds),
            }),
            ..ContainerState::default()
        },
        State::Exited => terminated(ContainerStateTerminated {
            exit_code: container.exit_code,
            reason: Some(container.reason.clone()).filter(|reason| !reason.is_empty()),
            message: Some(container.message.clone()).filter(|message| !message.is_empty()),
            started_at: container.started_at.map(seconds),
            finished_at: container.finished_at.map(seconds),
            container_id: Some(id),
            signal: None,
        }),
        State::Unknown => terminated(ContainerStateTerminated {
            exit_code: 137,
            reason: Some("ContainerStatusUnknown".into()),
            message: Some("The container could not be located when the pod was terminated".into()),
            container_id: Some(id),
            ..ContainerStateTerminated::default()
        }),
    }
}

/// Times are written by the second, so they are compared by the second.
fn seconds(at: jiff::Timestamp) -> Time {
    Time(jiff::Timestamp::from_second(at.as_second()).unwrap_or(at))
}

fn waiting(reason: &str, message: &str) -> ContainerState {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    ContainerState {
        waiting: Some(ContainerStateWaiting {
            reason: text(reason),
            message: text(message),
        }),
        ..ContainerState::default()
    }
}

fn terminated(terminated: ContainerStateTerminated) -> ContainerState {
    ContainerState {
        terminated: Some(terminated),
        ..ContainerState::default()
    }
}

/// A container of which the runtime knows nothing: not made yet, or lost.
fn from_nothing(
    pod: &Pod,
    container: &Container,
    before: Option<&ContainerStatus>,
) -> ContainerStatus {
    let has_init = !pod::init_containers(pod).is_empty();
    let reason = if has_init {
        "PodInitializing"
    } else {
        "ContainerCreating"
    };
    let mut status = ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        state: Some(waiting(reason, "")),
        last_state: Some(ContainerState::default()),
        volume_mounts: mounts(container),
        ..ContainerStatus::default()
    };
    let Some(before) = before else { return status };
    let was = before.state.as_ref();
    if was.is_some_and(|state| state.terminated.is_some()) {
        return before.clone();
    }
    status.restart_count = before.restart_count;
    status.last_state = before.last_state.clone();
    let last = before
        .last_state
        .as_ref()
        .and_then(|last| last.terminated.as_ref());
    if was.is_some_and(|state| state.running.is_some()) && last.is_none() {
        status.last_state = Some(terminated(ContainerStateTerminated {
            exit_code: 137,
            reason: Some("ContainerStatusUnknown".into()),
            message: Some("The container could not be located when the pod was deleted.  The container used to be Running".into()),
            ..ContainerStateTerminated::default()
        }));
        if !pod::is_deleted(pod) {
            status.restart_count += 1;
        }
    }
    status
}

fn mounts(container: &Container) -> Option<Vec<VolumeMountStatus>> {
    let mounts = container
        .volume_mounts
        .as_ref()
        .filter(|mounts| !mounts.is_empty())?;
    let mounts = mounts.iter().map(|mount| {
        let read_only = mount.read_only.filter(|read_only| *read_only);
        let mode = if mount.recursive_read_only.as_deref() == Some("Enabled") {
            "Enabled"
        } else {
            "Disabled"
        };
        VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only,
            recursive_read_only: read_only.map(|_| mode.into()),
            ..VolumeMountStatus::default()
        }
    });
    Some(mounts.collect())
}

/// Adds `started` and `ready`, which follow from state and probes.
fn finish(
    (container, sort): (&Container, Sort),
    mut status: ContainerStatus,
    inputs: &Inputs<'_>,
    newest: Option<&observed::Container>,
) -> ContainerStatus {
    if sort == Sort::Ephemeral {
        return status;
    }
    let state = status.state.clone().unwrap_or_default();
    let running = state.running.is_some();
    if sort == Sort::Init && !pod::is_sidecar(container) {
        let ended = state.terminated.as_ref();
        status.ready = ended.is_some_and(|end| end.exit_code == 0);
        status.started = Some(running);
        return status;
    }
    let health = newest
        .map(|newest| (inputs.health)(&newest.id))
        .unwrap_or_default();
    let started = running && (container.startup_probe.is_none() || health.startup == Some(true));
    status.started = Some(started);
    let probed = container.readiness_probe.is_some();
    let ready = if probed {
        health.readiness == Some(true)
    } else {
        true
    };
    status.ready = started && ready;
    status
}
