//! The phase of a pod out of the statuses of its containers, by upstream's rules.

use k8s_openapi::api::core::v1::{Container, ContainerStateTerminated, ContainerStatus, Pod};

use crate::pod;

enum Situation<'a> {
    Unknown,
    Running {
        started: bool,
    },
    Ended(&'a ContainerStateTerminated),
    /// Waits to come back after having ended.
    Returning(&'a ContainerStateTerminated),
    Waiting,
}

fn situation<'a>(statuses: &'a [ContainerStatus], name: &str) -> Situation<'a> {
    let Some(status) = statuses.iter().find(|status| status.name == name) else {
        return Situation::Unknown;
    };
    let Some(state) = &status.state else {
        return Situation::Unknown;
    };
    if state.running.is_some() {
        return Situation::Running {
            started: status.started == Some(true),
        };
    }
    if let Some(terminated) = &state.terminated {
        return Situation::Ended(terminated);
    }
    let last = status
        .last_state
        .as_ref()
        .and_then(|last| last.terminated.as_ref());
    match (last, &state.waiting) {
        (Some(last), Some(_)) => Situation::Returning(last),
        (None, Some(_)) => Situation::Waiting,
        (_, None) => Situation::Unknown,
    }
}

#[derive(Default)]
struct Count {
    unknown: usize,
    running: usize,
    waiting: usize,
    stopped: usize,
    stopped_for_good: usize,
    succeeded: usize,
    pending_init: usize,
    pending_sidecars: usize,
    failed_init: usize,
}

pub(crate) fn compute(
    pod: &Pod,
    statuses: &[ContainerStatus],
    is_ending: bool,
    was_initialized: bool,
) -> &'static str {
    let mut count = Count::default();
    for container in pod::init_containers(pod) {
        let situation = situation(statuses, &container.name);
        if pod::is_sidecar(container) {
            count_sidecar(&situation, &mut count);
        } else {
            count_init(pod, container, &situation, &mut count);
        }
    }
    for container in pod::containers(pod) {
        let situation = situation(statuses, &container.name);
        count_ordinary(pod, container, &situation, &mut count);
    }
    decide(pod, &count, is_ending, was_initialized)
}

fn count_init(pod: &Pod, container: &Container, situation: &Situation<'_>, count: &mut Count) {
    match situation {
        Situation::Ended(end) | Situation::Returning(end) => {
            if end.exit_code != 0 && !pod::restarts_after(pod, container, end.exit_code) {
                count.failed_init += 1;
            }
        }
        _ => count.pending_init += 1,
    }
}

fn count_sidecar(situation: &Situation<'_>, count: &mut Count) {
    match situation {
        Situation::Unknown => count.unknown += 1,
        Situation::Running { started } => {
            count.running += 1;
            count.pending_sidecars += usize::from(!started);
        }
        Situation::Ended(_) | Situation::Returning(_) => {}
        Situation::Waiting => {
            count.pending_sidecars += 1;
            count.waiting += 1;
        }
    }
}

fn count_ordinary(pod: &Pod, container: &Container, situation: &Situation<'_>, count: &mut Count) {
    match situation {
        Situation::Unknown => count.unknown += 1,
        Situation::Running { .. } => count.running += 1,
        Situation::Waiting => count.waiting += 1,
        Situation::Ended(end) | Situation::Returning(end) => {
            count.stopped += 1;
            let returns = pod::restarts_after(pod, container, end.exit_code);
            count.stopped_for_good += usize::from(!returns);
            let succeeded = end.exit_code == 0 && matches!(situation, Situation::Ended(_));
            count.succeeded += usize::from(succeeded);
        }
    }
}

fn decide(pod: &Pod, count: &Count, is_ending: bool, was_initialized: bool) -> &'static str {
    if count.failed_init > 0 {
        return "Failed";
    }
    let sidecars_pending = count.pending_sidecars > 0 && !was_initialized;
    if count.pending_init > 0 || sidecars_pending || count.waiting > 0 {
        return "Pending";
    }
    if count.unknown > 0 {
        return "Pending";
    }
    if count.running > 0 {
        return "Running";
    }
    if count.stopped == 0 {
        return "Pending";
    }
    let ends_by_itself = count.stopped == count.stopped_for_good;
    let ends_by_order = is_ending && !pod::is_static(pod);
    if !ends_by_itself && !ends_by_order {
        return "Running";
    }
    if count.stopped == count.succeeded {
        "Succeeded"
    } else {
        "Failed"
    }
}
