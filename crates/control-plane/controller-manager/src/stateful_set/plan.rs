//! Which pods to create, repair and delete, in which order, and what to report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

mod status;

use super::identity;
use crate::shared::pods;
use crate::shared::revisions::{self, HASH_LABEL};

/// A template under the name that its pods are labelled with.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub(super) name: String,
    pub(super) template: PodTemplateSpec,
}

impl Revision {
    pub(super) fn of(revision: &ControllerRevision, set: &StatefulSet) -> Self {
        let template = revisions::template_of(revision);
        Self {
            name: revision.metadata.name.clone().unwrap_or_default(),
            template: template.unwrap_or_else(|| set.spec.template.clone()),
        }
    }
}

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) set: Arc<StatefulSet>,
    pub(super) current: Revision,
    pub(super) update: Revision,
    pub(super) pods: Vec<Arc<Pod>>,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: Vec<(i32, Revision)>,
    pub(super) repair: Vec<(i32, Arc<Pod>)>,
    pub(super) delete: Vec<Arc<Pod>>,
    pub(super) status: StatefulSetStatus,
    /// When the next pod becomes available only because time passes.
    pub(super) then: Option<Duration>,
}

struct Pass<'a> {
    observed: &'a Observed,
    now: Timestamp,
    start: i32,
    replicas: i32,
    is_ordered: bool,
    min_ready: Duration,
    by_ordinal: BTreeMap<i32, &'a Arc<Pod>>,
}

/// Decides; touches nothing.
pub(super) fn plan(observed: &Observed, now: Timestamp) -> Plan {
    let spec = &observed.set.spec;
    let ordinal = |pod: &Arc<Pod>| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        identity::split(name).map_or(-1, |(_, ordinal)| ordinal)
    };
    let seconds = spec.min_ready_seconds.unwrap_or(0);
    let pass = Pass {
        observed,
        now,
        start: spec
            .ordinals
            .as_ref()
            .and_then(|ordinals| ordinals.start)
            .unwrap_or(0),
        replicas: spec.replicas.unwrap_or(1),
        is_ordered: spec.pod_management_policy.as_deref() != Some("Parallel"),
        min_ready: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
        by_ordinal: observed
            .pods
            .iter()
            .map(|pod| (ordinal(pod), pod))
            .collect(),
    };
    let mut plan = Plan::default();
    if observed.set.metadata.deletion_timestamp.is_none() {
        pass.decide(&mut plan);
    }
    plan.status = pass.status(&plan.delete);
    let waits = observed
        .pods
        .iter()
        .filter_map(|pod| pods::until_available(pod, pass.min_ready, now));
    plan.then = waits.filter(|wait| !wait.is_zero()).min();
    plan
}

impl Pass<'_> {
    fn end(&self) -> i32 {
        self.start.saturating_add(self.replicas)
    }

    fn is_available(&self, pod: &Pod) -> bool {
        pods::phase(pod) == "Running" && pods::is_available(pod, self.min_ready, self.now)
    }

    fn decide(&self, plan: &mut Plan) {
        // In order, the first that is not as it should be holds up all that follow.
        if self.fill(plan) && self.shrink(plan) {
            self.update(plan);
        }
    }

    /// Every number has a pod. Answers whether to go on.
    fn fill(&self, plan: &mut Plan) -> bool {
        for ordinal in self.start..self.end() {
            let is_settled = match self.by_ordinal.get(&ordinal) {
                None => {
                    plan.create
                        .push((ordinal, self.revision_for(ordinal).clone()));
                    false
                }
                Some(pod) if pod.metadata.deletion_timestamp.is_some() => false,
                Some(pod) if pods::is_finished(pod) => {
                    plan.delete.push(Arc::clone(pod));
                    false
                }
                Some(pod) => {
                    if !identity::is_labelled(pod) {
                        plan.repair.push((ordinal, Arc::clone(pod)));
                    }
                    self.is_available(pod)
                }
            };
            if !is_settled && self.is_ordered {
                return false;
            }
        }
        true
    }

    /// Numbers beyond the size go, the highest first. Answers whether to go on.
    fn shrink(&self, plan: &mut Plan) -> bool {
        let condemned = self.by_ordinal.iter().rev();
        let condemned = condemned.filter(|(o, _)| **o < self.start || **o >= self.end());
        let condemned: Vec<&Arc<Pod>> = condemned.map(|(_, pod)| *pod).collect();
        let first_unavailable = self.first_unavailable();
        for pod in condemned {
            if pod.metadata.deletion_timestamp.is_some() {
                if self.is_ordered {
                    return false;
                }
                continue;
            }
            let is_first = first_unavailable.is_some_and(|first| Arc::ptr_eq(first, pod));
            if self.is_ordered && !self.is_available(pod) && !is_first {
                return false;
            }
            plan.delete.push(Arc::clone(pod));
            if self.is_ordered {
                return false;
            }
        }
        true
    }

    fn first_unavailable(&self) -> Option<&Arc<Pod>> {
        self.by_ordinal
            .values()
            .find(|pod| !self.is_available(pod))
            .copied()
    }

    /// Old pods go, from the highest number down to the partition.
    fn update(&self, plan: &mut Plan) {
        let strategy = self
            .observed
            .set
            .spec
            .update_strategy
            .clone()
            .unwrap_or_default();
        if strategy.type_.as_deref() == Some("OnDelete") {
            return;
        }
        let rolling = strategy.rolling_update.unwrap_or_default();
        let min = self.start.saturating_add(rolling.partition.unwrap_or(0));
        let mut left = unavailable_max(rolling.max_unavailable.as_ref(), self.replicas);
        let living: Vec<(i32, &Arc<Pod>)> = self
            .by_ordinal
            .range(self.start..self.end())
            .map(|(ordinal, pod)| (*ordinal, *pod))
            .collect();
        let missing = usize::try_from(self.replicas)
            .unwrap_or(0)
            .saturating_sub(living.len());
        let unavailable = living
            .iter()
            .filter(|(_, pod)| !self.is_available(pod))
            .count()
            + missing;
        left = left.saturating_sub(unavailable);
        for (_, pod) in living
            .into_iter()
            .rev()
            .filter(|(ordinal, _)| *ordinal >= min)
        {
            let is_old = revision_of(pod) != self.observed.update.name;
            if !is_old || pod.metadata.deletion_timestamp.is_some() {
                continue;
            }
            // What serves nobody costs nothing.
            if !self.is_available(pod) {
                plan.delete.push(Arc::clone(pod));
            } else if left > 0 {
                left -= 1;
                plan.delete.push(Arc::clone(pod));
            }
        }
    }

    /// Numbers that the update has not reached get the revision that they had.
    fn revision_for(&self, ordinal: i32) -> &Revision {
        let spec = &self.observed.set.spec;
        let strategy = spec.update_strategy.clone().unwrap_or_default();
        if strategy.type_.as_deref() == Some("OnDelete") {
            return &self.observed.update;
        }
        let partition = strategy
            .rolling_update
            .and_then(|rolling| rolling.partition);
        let status = self.observed.set.status.as_ref();
        let reached = match partition {
            Some(partition) if partition > 0 => partition,
            _ => status
                .and_then(|status| status.current_replicas)
                .unwrap_or(0),
        };
        if ordinal < self.start.saturating_add(reached) {
            &self.observed.current
        } else {
            &self.observed.update
        }
    }
}

fn revision_of(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(HASH_LABEL))
        .map_or("", String::as_str)
}

fn unavailable_max(value: Option<&IntOrString>, of: i32) -> usize {
    let of = usize::try_from(of).unwrap_or(0);
    let max = match value {
        None => 1,
        Some(IntOrString::Int(number)) => usize::try_from(*number).unwrap_or(0),
        Some(IntOrString::String(text)) => {
            let percent: usize = text.trim_end_matches('%').parse().unwrap_or(0);
            (of * percent).div_ceil(100)
        }
    };
    max.max(1)
}

#[cfg(test)]
mod tests;
