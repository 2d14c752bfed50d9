//! Which pods to create and delete, when a Job is over, and what to report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobSpec, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use styr_client::events::EventType;

use super::policy::{self, Verdict};
use super::template::{self, Creation};
use super::{count, indexes};
use crate::shared::pods;

mod amount;
mod outcome;

/// Upstream's `MaxPodCreateDeletePerSync`.
const BURST_MAX: usize = 500;

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) job: Arc<Job>,
    pub(super) may_act: bool,
    pub(super) pods: Vec<Arc<Pod>>,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) create: Vec<Creation>,
    pub(super) delete: Vec<Arc<Pod>>,
    pub(super) status: JobStatus,
    pub(super) event: Option<(EventType, &'static str, String)>,
    pub(super) then: Option<Duration>,
}

pub(super) fn is_indexed(job: &Job) -> bool {
    job.spec
        .as_ref()
        .and_then(|spec| spec.completion_mode.as_deref())
        == Some("Indexed")
}

/// Whether an indexed Job has this index.
pub(super) fn is_valid(job: &Job, index: i32) -> bool {
    let completions = job
        .spec
        .as_ref()
        .and_then(|spec| spec.completions)
        .unwrap_or(0);
    (0..completions).contains(&index)
}

fn condition<'a>(status: &'a JobStatus, kind: &str) -> Option<&'a JobCondition> {
    let mut known = status.conditions.iter().flatten();
    known.find(|condition| condition.type_ == kind && condition.status == "True")
}

/// Complete or Failed.
pub(super) fn is_over(status: &JobStatus) -> bool {
    condition(status, "Complete").is_some() || condition(status, "Failed").is_some()
}

struct Pass<'a> {
    observed: &'a Observed,
    spec: &'a JobSpec,
    now: Timestamp,
    active: Vec<Arc<Pod>>,
    terminating: usize,
    succeeded: usize,
    done: BTreeSet<i32>,
    lost: BTreeSet<i32>,
}

/// Decides; touches nothing. All that has ended is counted already.
pub(super) fn plan(observed: &Observed, now: Timestamp) -> Plan {
    let job = &observed.job;
    let status = job.status.clone().unwrap_or_default();
    if is_over(&status) || job.metadata.deletion_timestamp.is_some() {
        return Plan {
            status,
            ..Plan::default()
        };
    }
    let spec = job.spec.clone().unwrap_or_default();
    let is_active = |pod: &&Arc<Pod>| pods::is_active(pod);
    let mut pass = Pass {
        observed,
        spec: &spec,
        now,
        active: observed.pods.iter().filter(is_active).cloned().collect(),
        terminating: observed
            .pods
            .iter()
            .filter(|pod| pods::is_terminating(pod))
            .count(),
        succeeded: usize::try_from(status.succeeded.unwrap_or(0)).unwrap_or(0),
        done: indexes::parse(status.completed_indexes.as_deref().unwrap_or_default()),
        lost: indexes::parse(status.failed_indexes.as_deref().unwrap_or_default()),
    };
    pass.note_lost_indexes();
    let mut plan = Plan {
        status,
        ..Plan::default()
    };
    let outcome = pass.outcome(&plan.status);
    match outcome {
        Some(outcome) => pass.end(&outcome, &mut plan),
        None => pass.carry_on(&mut plan),
    }
    pass.report(&mut plan);
    plan
}

impl Pass<'_> {
    fn is_suspended(&self) -> bool {
        self.spec.suspend == Some(true)
    }

    fn failed_pods(&self) -> impl Iterator<Item = &Arc<Pod>> {
        let job = &self.observed.job;
        let ended = self
            .observed
            .pods
            .iter()
            .filter(|pod| count::has_ended(job, pod));
        ended.filter(|pod| pods::phase(pod) != "Succeeded")
    }

    /// Failures by index, as the pods and their annotations tell.
    fn failures(&self) -> BTreeMap<i32, i32> {
        let mut failures = BTreeMap::new();
        for pod in self.failed_pods() {
            let verdict = policy::of_failure(&self.observed.job, pod);
            if let Some(index) = template::index(pod).filter(|_| verdict != Verdict::Ignore) {
                let known: &mut i32 = failures.entry(index).or_insert(0);
                *known = (*known).max(template::failures(pod) + 1);
            }
        }
        failures
    }

    fn note_lost_indexes(&mut self) {
        let Some(limit) = self.spec.backoff_limit_per_index else {
            return;
        };
        let beyond = self
            .failures()
            .into_iter()
            .filter(|(_, count)| *count > limit);
        let beyond: Vec<i32> = beyond.map(|(index, _)| index).collect();
        let by_rule = self
            .failed_pods()
            .filter(|pod| policy::of_failure(&self.observed.job, pod) == Verdict::FailIndex);
        let by_rule: Vec<i32> = by_rule.filter_map(|pod| template::index(pod)).collect();
        self.lost.extend(beyond.into_iter().chain(by_rule));
        self.lost.retain(|index| !self.done.contains(index));
    }

    fn carry_on(&self, plan: &mut Plan) {
        let was_suspended = condition(&plan.status, "Suspended").is_some();
        if self.is_suspended() {
            if !was_suspended {
                let text = ("JobSuspended", "Job suspended".to_owned());
                self.set(&mut plan.status, ("Suspended", true), text);
                plan.status.start_time = None;
                plan.event = Some((EventType::Normal, "Suspended", "Job suspended".to_owned()));
            }
            if self.observed.may_act {
                plan.delete
                    .extend(self.active.iter().take(BURST_MAX).cloned());
            }
            return;
        }
        if was_suspended {
            self.set(
                &mut plan.status,
                ("Suspended", false),
                ("JobResumed", "Job resumed".to_owned()),
            );
            plan.event = Some((EventType::Normal, "Resumed", "Job resumed".to_owned()));
        }
        plan.status.start_time.get_or_insert(Time(self.now));
        plan.then = self.deadline(&plan.status);
        if self.observed.may_act {
            self.manage(plan);
        }
    }

    fn set(&self, status: &mut JobStatus, (kind, is_true): (&str, bool), text: (&str, String)) {
        let conditions = status.conditions.get_or_insert_default();
        conditions.retain(|condition| condition.type_ != kind);
        conditions.push(JobCondition {
            type_: kind.to_owned(),
            status: if is_true { "True" } else { "False" }.to_owned(),
            reason: Some(text.0.to_owned()),
            message: Some(text.1),
            last_probe_time: Some(Time(self.now)),
            last_transition_time: Some(Time(self.now)),
        });
    }

    fn report(&self, plan: &mut Plan) {
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let ready = self.active.iter().filter(|pod| pods::is_ready(pod)).count();
        let status = &mut plan.status;
        status.active = Some(number(self.active.len())).filter(|count| *count > 0);
        status.ready = Some(number(ready));
        status.terminating = Some(number(self.terminating));
        status.uncounted_terminated_pods.get_or_insert_default();
        if self.spec.backoff_limit_per_index.is_some() {
            status.failed_indexes = Some(indexes::text(&self.lost));
        }
    }
}

#[cfg(test)]
mod tests;
