//! What a budget's status has to say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::shared::pods;

/// A pod whose eviction was allowed and that is still not going by then will not go.
const DELETION_MAX: Duration = Duration::from_secs(120);
const ALLOWED: &str = "DisruptionAllowed";

/// How many pods are wanted by whoever controls them, or why that is not known.
pub(super) type Expected = Result<i32, String>;

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) budget: Arc<PodDisruptionBudget>,
    pub(super) pods: Vec<Arc<Pod>>,
    pub(super) expected: Expected,
}

/// Decides; touches nothing. Answers also when to look again.
pub(super) fn plan(
    observed: &Observed,
    now: Timestamp,
) -> (PodDisruptionBudgetStatus, Option<Duration>) {
    let budget = &observed.budget;
    let known = budget.status.clone().unwrap_or_default();
    let conditions = known.conditions.clone().unwrap_or_default();
    let generation = budget.metadata.generation;
    let (expected, desired) = match counts(observed) {
        Ok(counts) => counts,
        Err(why) => {
            let status = PodDisruptionBudgetStatus {
                disruptions_allowed: Some(0),
                conditions: Some(with(
                    conditions,
                    ("False", "SyncFailed", why),
                    generation,
                    now,
                )),
                ..known
            };
            return (status, None);
        }
    };
    let (disrupted, then) = disrupted(&observed.pods, known.disrupted_pods.as_ref(), now);
    let is_healthy = |pod: &&Arc<Pod>| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let is_staying = pod.metadata.deletion_timestamp.is_none() && !disrupted.contains_key(name);
        is_staying && pods::is_ready(pod)
    };
    let healthy = observed.pods.iter().filter(is_healthy).count();
    let healthy = i32::try_from(healthy).unwrap_or(i32::MAX);
    // A budget that covers nothing yet must not allow the first of its pods to go.
    let allowed = if expected > 0 {
        (healthy - desired).max(0)
    } else {
        0
    };
    let condition = if allowed > 0 {
        ("True", "SufficientPods", String::new())
    } else {
        ("False", "InsufficientPods", String::new())
    };
    let status = PodDisruptionBudgetStatus {
        current_healthy: Some(healthy),
        desired_healthy: Some(desired),
        expected_pods: Some(expected),
        disruptions_allowed: Some(allowed),
        disrupted_pods: Some(disrupted).filter(|disrupted| !disrupted.is_empty()),
        observed_generation: generation,
        conditions: Some(with(conditions, condition, generation, now)),
    };
    (status, then)
}

/// How many pods are expected, and how many have to be healthy.
fn counts(observed: &Observed) -> Result<(i32, i32), String> {
    let Some(spec) = &observed.budget.spec else {
        return Ok((0, 0));
    };
    if let Some(unavailable) = &spec.max_unavailable {
        let expected = observed.expected.clone()?;
        return Ok((expected, (expected - share(unavailable, expected)?).max(0)));
    }
    match &spec.min_available {
        None => Ok((0, 0)),
        Some(IntOrString::Int(available)) => {
            let pods = i32::try_from(observed.pods.len()).unwrap_or(i32::MAX);
            Ok((pods, *available))
        }
        Some(available) => {
            let expected = observed.expected.clone()?;
            Ok((expected, share(available, expected)?))
        }
    }
}

/// A number, or a percentage of `whole`, rounded up.
fn share(value: &IntOrString, whole: i32) -> Result<i32, String> {
    match value {
        IntOrString::Int(number) => Ok(*number),
        IntOrString::String(text) => {
            let percent = text
                .strip_suffix('%')
                .and_then(|text| text.parse::<i64>().ok());
            let percent =
                percent.ok_or_else(|| format!("invalid value for IntOrString: {text:?}"))?;
            let share = (i64::from(whole) * percent + 99).div_euclid(100);
            i32::try_from(share).map_err(|_| format!("invalid value for IntOrString: {text:?}"))
        }
    }
}

/// Of the pods whose eviction was allowed, those that are still to begin to go.
fn disrupted(
    pods: &[Arc<Pod>],
    known: Option<&BTreeMap<String, Time>>,
    now: Timestamp,
) -> (BTreeMap<String, Time>, Option<Duration>) {
    let mut left = BTreeMap::new();
    let mut then: Option<Duration> = None;
    for pod in pods {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let since = known.and_then(|known| known.get(&name));
        let Some(since) = since.filter(|_| pod.metadata.deletion_timestamp.is_none()) else {
            continue;
        };
        let end = since.0 + DELETION_MAX;
        if let Ok(wait) = Duration::try_from(end.duration_since(now)) {
            then = Some(then.map_or(wait, |earlier| earlier.min(wait)));
            left.insert(name, since.clone());
        }
    }
    (left, then)
}

fn with(
    mut conditions: Vec<Condition>,
    (status, reason, message): (&str, &str, String),
    observed_generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let known = conditions
        .iter()
        .find(|condition| condition.type_ == ALLOWED);
    let since = known.filter(|condition| condition.status == status);
    let condition = Condition {
        type_: ALLOWED.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation,
        last_transition_time: since.map_or(Time(now), |c| c.last_transition_time.clone()),
    };
    conditions.retain(|condition| condition.type_ != ALLOWED);
    conditions.push(condition);
    conditions
}

#[cfg(test)]
mod tests;
