//! Conditions that differ in type but not in form.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DeploymentCondition, ReplicaSetCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Sets a condition of a Deployment. The time of transition moves only with the status.
pub(crate) fn set_deployment(
    conditions: &mut Vec<DeploymentCondition>,
    (kind, status): (&str, &str),
    (reason, message): (&str, String),
    now: Timestamp,
) {
    let known = conditions
        .iter()
        .find(|condition| condition.type_.as_deref() == Some(kind));
    if known
        .is_some_and(|c| c.status.as_deref() == Some(status) && c.reason.as_deref() == Some(reason))
    {
        return;
    }
    let since = known
        .filter(|c| c.status.as_deref() == Some(status))
        .and_then(|c| c.last_transition_time.clone());
    let condition = DeploymentCondition {
        type_: Some(kind.to_owned()),
        status: Some(status.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_update_time: Some(Time(now)),
        last_transition_time: Some(since.unwrap_or(Time(now))),
    };
    conditions.retain(|condition| condition.type_.as_deref() != Some(kind));
    conditions.push(condition);
}

/// Sets a condition of a ReplicaSet to true.
pub(crate) fn set_replica_set(
    conditions: &mut Vec<ReplicaSetCondition>,
    kind: &str,
    (reason, message): (&str, String),
    now: Timestamp,
) {
    let known = conditions
        .iter()
        .find(|condition| condition.type_.as_deref() == Some(kind));
    if known
        .is_some_and(|c| c.status.as_deref() == Some("True") && c.reason.as_deref() == Some(reason))
    {
        return;
    }
    conditions.retain(|condition| condition.type_.as_deref() != Some(kind));
    conditions.push(ReplicaSetCondition {
        type_: Some(kind.to_owned()),
        status: Some("True".to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: Some(Time(now)),
    });
}
