//! What a Deployment reports: counts, availability, progress.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentSpec, DeploymentStatus, ReplicaSetStatus,
};
use styr_client::Error;

use super::plan::{Sets, Sizes};
use crate::shared::{conditions, requests};

const AVAILABLE: &str = "Available";
const PROGRESSING: &str = "Progressing";
const FAILURE: &str = "ReplicaFailure";
const COMPLETE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";
/// `progressDeadlineSeconds` that means none.
const NO_DEADLINE: i32 = i32::MAX;

fn condition<'a>(status: &'a DeploymentStatus, kind: &str) -> Option<&'a DeploymentCondition> {
    status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_.as_deref() == Some(kind))
}

fn reason<'a>(status: &'a DeploymentStatus, kind: &str) -> Option<&'a str> {
    condition(status, kind)?.reason.as_deref()
}

fn set(
    status: &mut DeploymentStatus,
    kind_and_status: (&str, &str),
    reason: (&str, String),
    now: Timestamp,
) {
    let conditions = status.conditions.get_or_insert_default();
    conditions::set_deployment(conditions, kind_and_status, reason, now);
}

fn remove(status: &mut DeploymentStatus, kind: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|condition| condition.type_.as_deref() != Some(kind));
    }
}

fn deadline(deployment: &Deployment) -> Option<Duration> {
    let seconds = deployment.spec.progress_deadline_seconds?;
    (seconds != NO_DEADLINE).then(|| Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Progress stands still while paused, and starts anew afterwards.
pub(super) fn note_pause(spec: &DeploymentSpec, status: &mut DeploymentStatus, now: Timestamp) {
    let has_deadline = spec
        .progress_deadline_seconds
        .is_some_and(|s| s != NO_DEADLINE);
    let known = reason(status, PROGRESSING);
    if !has_deadline || known == Some(TIMED_OUT) {
        return;
    }
    let was_paused = known == Some(PAUSED);
    let is_paused = spec.paused == Some(true);
    let text = match (is_paused, was_paused) {
        (true, false) => (PAUSED, "Deployment is paused".to_owned()),
        (false, true) => ("DeploymentResumed", "Deployment is resumed".to_owned()),
        _ => return,
    };
    set(status, (PROGRESSING, "Unknown"), text, now);
}

/// The counts, and whether enough pods are available.
pub(super) fn calculate(
    deployment: &Deployment,
    sets: &Sets,
    sizes: Sizes,
    mut status: DeploymentStatus,
    now: Timestamp,
) -> DeploymentStatus {
    let sum =
        |count: fn(&ReplicaSetStatus) -> i32| sets.all().map(|set| count(&set.status())).sum();
    let available: i32 = sum(|status| status.available_replicas.unwrap_or(0));
    let ready: i32 = sum(|status| status.ready_replicas.unwrap_or(0));
    let existing: i32 = sum(|status| status.replicas);
    let terminating: i32 = sum(|status| status.terminating_replicas.unwrap_or(0));
    let updated = sets.new.as_ref().map_or(0, |new| new.status().replicas);
    // Go leaves out zeros.
    let count = |count: i32| Some(count).filter(|count| *count > 0);
    status.observed_generation = deployment.metadata.generation;
    status.replicas = count(existing);
    status.updated_replicas = count(updated);
    status.ready_replicas = count(ready);
    status.available_replicas = count(available);
    status.unavailable_replicas = count(sets.replicas() - available);
    status.terminating_replicas = Some(terminating);
    let (text, answer) = if available >= sizes.replicas - sizes.unavailable {
        (
            (
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            ),
            "True",
        )
    } else {
        let text = "Deployment does not have minimum availability.";
        (("MinimumReplicasUnavailable", text), "False")
    };
    set(
        &mut status,
        (AVAILABLE, answer),
        (text.0, text.1.to_owned()),
        now,
    );
    status
}

/// Whether all pods are of the current template and available.
pub(super) fn is_complete(
    spec: &DeploymentSpec,
    deployment: &Deployment,
    status: &DeploymentStatus,
) -> bool {
    let wanted = spec.replicas.unwrap_or(1);
    let counts = [
        status.updated_replicas,
        status.replicas,
        status.available_replicas,
    ];
    counts.iter().all(|count| count.unwrap_or(0) == wanted)
        && status.observed_generation >= deployment.metadata.generation
}

/// Reports progress, its end, or that it takes too long.
pub(super) fn follow_progress(
    deployment: &Deployment,
    sets: &Sets,
    (before, status): (&DeploymentStatus, &mut DeploymentStatus),
    now: Timestamp,
) {
    let spec = &deployment.spec;
    let subject = subject(deployment, sets);
    let settled =
        status.replicas == status.updated_replicas && reason(before, PROGRESSING) == Some(COMPLETE);
    if deadline(deployment).is_some() {
        note_new_set(before, status, sets, now);
    }
    if deadline(deployment).is_some() && !settled {
        if is_complete(spec, deployment, status) {
            let text = format!("{subject} has successfully progressed.");
            set(status, (PROGRESSING, "True"), (COMPLETE, text), now);
        } else if has_progressed(before, status) {
            let known = condition(status, PROGRESSING).cloned();
            remove(status, PROGRESSING);
            let text = format!("{subject} is progressing.");
            set(
                status,
                (PROGRESSING, "True"),
                ("ReplicaSetUpdated", text),
                now,
            );
            // The time of the update moves, that of the transition only with the answer.
            let since = known.filter(|known| known.status.as_deref() == Some("True"));
            let conditions = status.conditions.iter_mut().flatten();
            for condition in
                conditions.filter(|condition| condition.type_.as_deref() == Some(PROGRESSING))
            {
                if let Some(since) = &since {
                    condition
                        .last_transition_time
                        .clone_from(&since.last_transition_time);
                }
            }
        } else if is_timed_out(deployment, status, now) {
            let text = format!("{subject} has timed out progressing.");
            set(status, (PROGRESSING, "False"), (TIMED_OUT, text), now);
        }
    }
    let failure = sets.all().find_map(|set| {
        let known = set.status().conditions.unwrap_or_default();
        known
            .into_iter()
            .find(|condition| condition.type_.as_deref() == Some(FAILURE))
    });
    match failure {
        Some(failure) => {
            let text = (
                failure.reason.unwrap_or_default(),
                failure.message.unwrap_or_default(),
            );
            let answer = failure.status.unwrap_or_default();
            set(status, (FAILURE, &answer), (&text.0, text.1), now);
        }
        None => remove(status, FAILURE),
    }
}

/// A new set, or an old one that is the new one again, starts the clock.
fn note_new_set(
    before: &DeploymentStatus,
    status: &mut DeploymentStatus,
    sets: &Sets,
    now: Timestamp,
) {
    let Some(new) = &sets.new else {
        return;
    };
    let name = new.name();
    if !new.exists() {
        let text = format!("Created new replica set {name:?}");
        set(
            status,
            (PROGRESSING, "True"),
            ("NewReplicaSetCreated", text),
            now,
        );
    } else if condition(before, PROGRESSING).is_none() {
        let text = format!("Found new replica set {name:?}");
        set(
            status,
            (PROGRESSING, "True"),
            ("FoundNewReplicaSet", text),
            now,
        );
    }
}

fn subject(deployment: &Deployment, sets: &Sets) -> String {
    match &sets.new {
        Some(new) => format!("ReplicaSet {:?}", new.name()),
        None => {
            let name = deployment.metadata.name.as_deref().unwrap_or_default();
            format!("Deployment {name:?}")
        }
    }
}

fn has_progressed(before: &DeploymentStatus, now: &DeploymentStatus) -> bool {
    let of = |count: Option<i32>| count.unwrap_or(0);
    let old = |status: &DeploymentStatus| of(status.replicas) - of(status.updated_replicas);
    of(now.updated_replicas) > of(before.updated_replicas)
        || old(now) < old(before)
        || of(now.ready_replicas) > of(before.ready_replicas)
        || of(now.available_replicas) > of(before.available_replicas)
}

fn is_timed_out(deployment: &Deployment, status: &DeploymentStatus, now: Timestamp) -> bool {
    match reason(status, PROGRESSING) {
        None | Some(COMPLETE) => false,
        Some(TIMED_OUT) => true,
        Some(_) => time_left(deployment, status, now).is_some_and(|left| left.is_zero()),
    }
}

fn time_left(
    deployment: &Deployment,
    status: &DeploymentStatus,
    now: Timestamp,
) -> Option<Duration> {
    let since = condition(status, PROGRESSING)?.last_update_time.as_ref()?.0;
    let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    Some(deadline(deployment)?.saturating_sub(passed))
}

/// When to look whether progress has come in time.
pub(super) fn until_stuck(
    deployment: &Deployment,
    status: &DeploymentStatus,
    now: Timestamp,
) -> Option<Duration> {
    let spec = &deployment.spec;
    let settled = matches!(reason(status, PROGRESSING), None | Some(TIMED_OUT | PAUSED));
    if settled || is_complete(spec, deployment, status) {
        return None;
    }
    // Times are written in whole seconds; one more makes sure that it has really passed.
    time_left(deployment, status, now).map(|left| left + Duration::from_secs(1))
}

/// The new set could not be created.
pub(super) fn set_creation_failed(
    status: &mut DeploymentStatus,
    name: &str,
    error: &Error,
    now: Timestamp,
) {
    let text = requests::told(error);
    let text = format!("Failed to create new replica set {name:?}: {text}");
    set(
        status,
        (PROGRESSING, "False"),
        ("ReplicaSetCreateError", text),
        now,
    );
}
