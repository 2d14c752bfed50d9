//! The conditions that the kubelet owns, with upstream's reasons and messages.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Inputs;
use crate::observed::Observed;
use crate::plan::sandbox_changed;
use crate::pod;

/// What only the kubelet writes; all other conditions belong to others.
pub(crate) const OWNED: [&str; 6] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    "DisruptionTarget",
];

type Verdict = (bool, Option<&'static str>, Option<String>);

pub(super) fn compute(
    pod: &Pod,
    observed: &Observed,
    statuses: &[ContainerStatus],
    (status, inputs): (&PodStatus, &Inputs<'_>),
) -> Vec<PodCondition> {
    let phase = status.phase.as_deref().unwrap_or_default();
    let mut conditions: Vec<PodCondition> = foreign(pod).cloned().collect();
    let old = inputs.old.conditions.as_deref().unwrap_or_default();
    conditions.extend(disruption(pod, old, inputs));
    let containers = containers_ready(pod, statuses, phase);
    let ready = match &containers {
        (true, ..) => gates(pod, &conditions),
        other => other.clone(),
    };
    let entries: [(&str, Verdict); 5] = [
        ("PodReadyToStartContainers", sandbox(pod, observed)),
        ("Initialized", initialized(pod, statuses, phase)),
        ("Ready", ready),
        ("ContainersReady", containers),
        ("PodScheduled", (true, None, None)),
    ];
    for (kind, (is_true, reason, message)) in entries {
        let text = if is_true { "True" } else { "False" };
        let before = old.iter().find(|condition| condition.type_ == kind);
        let unchanged = before.filter(|before| before.status == text);
        let since = unchanged.and_then(|before| before.last_transition_time.clone());
        conditions.push(PodCondition {
            type_: kind.into(),
            status: text.into(),
            reason: reason.map(Into::into),
            message: message.filter(|message| !message.is_empty()),
            observed_generation: pod.metadata.generation,
            last_transition_time: Some(since.unwrap_or(Time(inputs.now))),
            last_probe_time: None,
        });
    }
    conditions
}

/// Whoever ends a pod for others says so once.
fn disruption(pod: &Pod, old: &[PodCondition], inputs: &Inputs<'_>) -> Option<PodCondition> {
    let known = old.iter().find(|c| c.type_ == "DisruptionTarget");
    let verdict = inputs.verdict.filter(|_| inputs.is_evicted);
    let (None, Some((_, _, message))) = (known, verdict) else {
        return known.cloned();
    };
    Some(PodCondition {
        type_: "DisruptionTarget".into(),
        status: "True".into(),
        reason: Some("TerminationByKubelet".into()),
        message: Some(message.clone()),
        observed_generation: pod.metadata.generation,
        last_transition_time: Some(Time(inputs.now)),
        last_probe_time: None,
    })
}

fn foreign(pod: &Pod) -> impl Iterator<Item = &PodCondition> {
    let status = pod.status.as_ref();
    let conditions = status
        .and_then(|status| status.conditions.as_ref())
        .into_iter()
        .flatten();
    conditions.filter(|condition| !OWNED.contains(&condition.type_.as_str()))
}

fn sandbox(pod: &Pod, observed: &Observed) -> Verdict {
    match sandbox_changed(pod, observed) {
        None => (true, None, None),
        Some((_, reason)) => (false, Some("PodSandboxNotReady"), Some(reason.into())),
    }
}

/// Lists as Go prints them: `[a b]`.
fn listed(names: &[&str]) -> String {
    format!("[{}]", names.join(" "))
}

fn messages(unknown: &[&str], others: &[&str], adjective: &str) -> String {
    let mut parts = Vec::new();
    if !unknown.is_empty() {
        parts.push(format!(
            "containers with unknown status: {}",
            listed(unknown)
        ));
    }
    if !others.is_empty() {
        parts.push(format!(
            "containers with {adjective} status: {}",
            listed(others)
        ));
    }
    parts.join(", ")
}

fn containers_ready(pod: &Pod, statuses: &[ContainerStatus], phase: &str) -> Verdict {
    let sidecars = pod::init_containers(pod)
        .iter()
        .filter(|c| pod::is_sidecar(c));
    let (mut unknown, mut unready) = (Vec::new(), Vec::new());
    for container in sidecars.chain(pod::containers(pod)) {
        match statuses.iter().find(|status| status.name == container.name) {
            None => unknown.push(container.name.as_str()),
            Some(status) if !status.ready => unready.push(container.name.as_str()),
            Some(_) => {}
        }
    }
    if phase == "Succeeded" && unknown.is_empty() {
        return (false, Some("PodCompleted"), None);
    }
    if phase == "Failed" {
        return (false, Some("PodFailed"), None);
    }
    let message = messages(&unknown, &unready, "unready");
    if message.is_empty() {
        return (true, None, None);
    }
    (false, Some("ContainersNotReady"), Some(message))
}

fn gates(pod: &Pod, conditions: &[PodCondition]) -> Verdict {
    let mut missing = Vec::new();
    for gate in pod::spec(pod).readiness_gates.iter().flatten() {
        let kind = &gate.condition_type;
        match conditions.iter().find(|condition| condition.type_ == *kind) {
            None => missing.push(format!(
                "corresponding condition of pod readiness gate {kind:?} does not exist."
            )),
            Some(condition) if condition.status != "True" => missing.push(format!(
                "the status of pod readiness gate {kind:?} is not \"True\", but {}",
                condition.status
            )),
            Some(_) => {}
        }
    }
    if missing.is_empty() {
        return (true, None, None);
    }
    (
        false,
        Some("ReadinessGatesNotReady"),
        Some(missing.join(", ")),
    )
}

fn initialized(pod: &Pod, statuses: &[ContainerStatus], phase: &str) -> Verdict {
    let (mut unknown, mut incomplete) = (Vec::new(), Vec::new());
    for container in pod::init_containers(pod) {
        match statuses.iter().find(|status| status.name == container.name) {
            None => unknown.push(container.name.as_str()),
            Some(status) => {
                let done = if pod::is_sidecar(container) {
                    status.started == Some(true)
                } else {
                    status.ready
                };
                if !done {
                    incomplete.push(container.name.as_str());
                }
            }
        }
    }
    if phase == "Succeeded" && unknown.is_empty() {
        return (true, Some("PodCompleted"), None);
    }
    let mut ordinary = pod::containers(pod).iter();
    let started = ordinary.any(|container| {
        let status = statuses.iter().find(|status| status.name == container.name);
        status.is_some_and(has_started)
    });
    let message = messages(&unknown, &incomplete, "incomplete");
    if started || message.is_empty() {
        return (true, None, None);
    }
    (false, Some("ContainersNotInitialized"), Some(message))
}

fn has_started(status: &ContainerStatus) -> bool {
    let is_in = |state: &Option<k8s_openapi::api::core::v1::ContainerState>| {
        let state = state.as_ref();
        state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
    };
    status.started == Some(true) || is_in(&status.state) || is_in(&status.last_state)
}
