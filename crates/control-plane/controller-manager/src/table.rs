//! The controllers, by upstream's names.

use std::collections::BTreeSet;

use styr_client::controller::Registration;

use crate::context::Context;

mod upstream;

/// One controller.
pub struct Controller {
    /// As `--controllers` names it.
    pub name: &'static str,
    /// The service account that it writes as.
    pub account: &'static str,
    /// Not started by `*`.
    pub opt_in: bool,
    pub(crate) build: fn(&Context) -> anyhow::Result<Vec<Registration>>,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

macro_rules! controllers {
    ($($name:literal, $account:literal, $build:path;)*) => {
        /// All controllers that exist here, by name.
        pub const CONTROLLERS: &[Controller] = &[$(Controller {
            name: $name,
            account: $account,
            opt_in: upstream::is_opt_in($name),
            build: $build,
        }),*];
    };
}

controllers! {
    "bootstrap-signer-controller", "bootstrap-signer", crate::bootstrap::sign::build;
    "certificatesigningrequest-approving-controller", "certificate-controller", crate::certificates::approve::build;
    "certificatesigningrequest-cleaner-controller", "certificate-controller", crate::certificates::clean::build;
    "certificatesigningrequest-signing-controller", "certificate-controller", crate::certificates::sign::build;
    "clusterrole-aggregation-controller", "clusterrole-aggregation-controller", crate::cluster_role_aggregation::build;
    "cronjob-controller", "cronjob-controller", crate::cron_job::build;
    "daemonset-controller", "daemon-set-controller", crate::daemon_set::build;
    "deployment-controller", "deployment-controller", crate::deployment::build;
    "disruption-controller", "disruption-controller", crate::disruption::build;
    "endpoints-controller", "endpoint-controller", crate::endpoints::build;
    "endpointslice-controller", "endpointslice-controller", crate::endpoint_slice::build;
    "endpointslice-mirroring-controller", "endpointslicemirroring-controller", crate::endpoint_slice_mirroring::build;
    "ephemeral-volume-controller", "ephemeral-volume-controller", crate::ephemeral_volume::build;
    "garbage-collector-controller", "generic-garbage-collector", crate::garbage_collector::build;
    "job-controller", "job-controller", crate::job::build;
    "namespace-controller", "namespace-controller", crate::namespace::build;
    "node-ipam-controller", "node-controller", crate::node_ipam::build;
    "node-lifecycle-controller", "node-controller", crate::node_lifecycle::build;
    "persistentvolume-binder-controller", "persistent-volume-binder", crate::persistent_volume::bind::build;
    "persistentvolume-protection-controller", "pv-protection-controller", crate::persistent_volume::protect::build_volumes;
    "persistentvolumeclaim-protection-controller", "pvc-protection-controller", crate::persistent_volume::protect::build_claims;
    "pod-garbage-collector-controller", "pod-garbage-collector", crate::pod_garbage::build;
    "replicaset-controller", "replicaset-controller", crate::replica_set::build;
    "replicationcontroller-controller", "replication-controller", crate::replica_set::build_replication_controller;
    "root-ca-certificate-publisher-controller", "root-ca-cert-publisher", crate::root_certificate::build;
    "serviceaccount-controller", "service-account-controller", crate::service_account::build;
    "serviceaccount-token-controller", "serviceaccount-token-controller", crate::service_account_token::build;
    "statefulset-controller", "statefulset-controller", crate::stateful_set::build;
    "taint-eviction-controller", "node-controller", crate::taint_eviction::build;
    "token-cleaner-controller", "token-cleaner", crate::bootstrap::clean::build;
    "ttl-after-finished-controller", "ttl-after-finished-controller", crate::finished::build;
    "ttl-controller", "ttl-controller", crate::node_ttl::build;
}

/// Why `--controllers` was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectError {
    /// Names that no release of upstream knows.
    #[error("--controllers names what does not exist: {}", .0.join(", "))]
    Unknown(Vec<String>),
    /// Controllers of upstream that do not exist here.
    #[error("--controllers asks for what is not implemented: {}", .0.join(", "))]
    NotImplemented(Vec<&'static str>),
}

/// The controllers that `--controllers` starts.
pub(crate) fn select(wanted: &[String]) -> Result<Vec<&'static Controller>, SelectError> {
    let mut unknown = Vec::new();
    let (mut on, mut off) = (BTreeSet::new(), BTreeSet::new());
    let mut all = false;
    for entry in wanted {
        if entry == "*" {
            all = true;
            continue;
        }
        let (set, written) = match entry.strip_prefix('-') {
            Some(name) => (&mut off, name),
            None => (&mut on, entry.as_str()),
        };
        match upstream::canonical(written) {
            Some(name) => {
                set.insert(name);
            }
            None => unknown.push(entry.clone()),
        }
    }
    if !unknown.is_empty() {
        return Err(SelectError::Unknown(unknown));
    }
    let is_ours = |name: &str| CONTROLLERS.iter().any(|controller| controller.name == name);
    let missing: Vec<_> = on.iter().copied().filter(|name| !is_ours(name)).collect();
    if !missing.is_empty() {
        return Err(SelectError::NotImplemented(missing));
    }
    let is_on =
        |name: &str, opt_in: bool| on.contains(name) || (!off.contains(name) && all && !opt_in);
    Ok(CONTROLLERS
        .iter()
        .filter(|controller| is_on(controller.name, controller.opt_in))
        .collect())
}

#[cfg(test)]
mod tests;
