//! Computes the status of a pod from what the runtime and the probes say. Touches nothing.
//!
//! The status before is an input: what is known to have happened is never taken back, and a phase
//! that is final stays.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{HostIP, Pod, PodCondition, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::observed::{Observed, State};
use crate::plan::HealthOf;
use crate::pod;

pub(crate) mod conditions;
mod containers;
pub(crate) mod phase;
#[cfg(test)]
mod tests;

/// Why a container does not run: a reason and a message, as in its waiting state.
pub(crate) type Waiting = (String, String);

/// All that a status follows from, besides the pod and what was observed of it.
pub(crate) struct Inputs<'a> {
    pub(crate) old: &'a PodStatus,
    pub(crate) health: HealthOf<'a>,
    /// By the container's name.
    pub(crate) waiting: &'a dyn Fn(&str) -> Option<Waiting>,
    /// The pod is not to run any more: a phase, if everything has ended, is final.
    pub(crate) is_ending: bool,
    /// A verdict that overrules the phase: phase, reason, message.
    pub(crate) verdict: Option<&'a (String, String, String)>,
    /// The node needs what the pod uses; the verdict says why.
    pub(crate) is_evicted: bool,
    pub(crate) host_ips: &'a [String],
    pub(crate) runtime: &'a str,
    pub(crate) now: Timestamp,
}

pub(crate) fn compute(pod: &Pod, observed: &Observed, inputs: &Inputs<'_>) -> PodStatus {
    let old = inputs.old;
    let empty = PodStatus::default();
    let api = pod.status.as_ref().unwrap_or(&empty);
    let sets = containers::compute(pod, observed, inputs);
    let all: Vec<_> = sets.init.iter().chain(&sets.ordinary).cloned().collect();
    let initialized = pod::containers(pod).iter().any(|container| {
        let active = observed.active(&container.name);
        active.is_some_and(|active| active.state != State::Created)
    });
    let mut phase = phase::compute(pod, &all, inputs.is_ending, initialized).to_owned();
    let is_final = |phase: &str| matches!(phase, "Succeeded" | "Failed");
    for before in [old.phase.as_deref(), api.phase.as_deref()]
        .into_iter()
        .flatten()
    {
        if is_final(before) && !is_final(&phase) {
            before.clone_into(&mut phase);
        }
    }
    let (mut reason, mut message) = (None, None);
    if old.phase.as_deref() == Some(phase.as_str()) {
        reason = old.reason.clone().or_else(|| api.reason.clone());
        message = old.message.clone().or_else(|| api.message.clone());
    }
    if let Some((verdict_phase, verdict_reason, verdict_message)) = inputs.verdict {
        phase.clone_from(verdict_phase);
        reason = Some(verdict_reason.clone());
        message = Some(verdict_message.clone());
    }
    let mut status = PodStatus {
        phase: Some(phase),
        reason,
        message,
        qos_class: Some(crate::qos::class(pod).into()),
        container_statuses: Some(sets.ordinary).filter(|list| !list.is_empty()),
        init_container_statuses: Some(sets.init).filter(|list| !list.is_empty()),
        ephemeral_container_statuses: Some(sets.ephemeral).filter(|list| !list.is_empty()),
        start_time: old.start_time.clone().or(Some(Time(inputs.now))),
        observed_generation: pod.metadata.generation,
        ..PodStatus::default()
    };
    addresses(pod, observed, inputs, &mut status);
    status.conditions = Some(conditions::compute(pod, observed, &all, (&status, inputs)));
    status
}

fn addresses(pod: &Pod, observed: &Observed, inputs: &Inputs<'_>, status: &mut PodStatus) {
    let hosts = inputs.host_ips.iter();
    let hosts: Vec<HostIP> = hosts.map(|ip| HostIP { ip: ip.clone() }).collect();
    status.host_ip = hosts.first().map(|host| host.ip.clone());
    status.host_ips = Some(hosts).filter(|hosts| !hosts.is_empty());
    let ips = if pod::is_host_network(pod) {
        inputs.host_ips
    } else {
        observed.ips()
    };
    let mut ips: Vec<PodIP> = ips.iter().map(|ip| PodIP { ip: ip.clone() }).collect();
    if ips.is_empty() && !pod::is_deleted(pod) {
        ips = inputs.old.pod_ips.clone().unwrap_or_default();
    }
    status.pod_ip = ips.first().map(|first| first.ip.clone());
    status.pod_ips = Some(ips).filter(|ips| !ips.is_empty());
}

/// Whether two statuses say the same, apart from times of conditions.
pub(crate) fn says_the_same(one: &PodStatus, other: &PodStatus) -> bool {
    let plain = |status: &PodStatus| {
        let mut status = status.clone();
        for condition in status.conditions.iter_mut().flatten() {
            condition.last_probe_time = None;
            condition.last_transition_time = None;
        }
        if let Some(conditions) = status.conditions.as_mut() {
            conditions.sort_by(|a: &PodCondition, b| a.type_.cmp(&b.type_));
        }
        status
    };
    plain(one) == plain(other)
}
