//! Kinds of the group `apps`.

mod controller_revision;
pub(crate) mod counts;
mod daemon_set;
mod deployment;
mod replica_set;
mod stateful_set;
mod workload;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    let rules: &'static dyn Rules = match plural {
        "controllerrevisions" => &controller_revision::ControllerRevision,
        "daemonsets" => &daemon_set::DaemonSet,
        "deployments" => &deployment::Deployment,
        "replicasets" => &replica_set::ReplicaSet,
        "statefulsets" => &stateful_set::StatefulSet,
        _ => return None,
    };
    Some(rules)
}
