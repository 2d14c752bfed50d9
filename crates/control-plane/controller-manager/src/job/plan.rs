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

/// Upstream's `MaxPodCreateDeletePerSync`.
const BURST_MAX: usize = 500;
/// Upstream's back-off of failing pods.
const BACKOFF_INITIAL: Duration = Duration::from_secs(10);
const BACKOFF_MAX: Duration = Duration::from_secs(600);

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

/// How a Job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Success(&'static str, String),
    Failure(&'static str, String),
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

    fn outcome(&self, status: &JobStatus) -> Option<Outcome> {
        // What was decided stays decided until the last pod has gone.
        if let Some(known) = condition(status, "FailureTarget") {
            let message = known.message.clone().unwrap_or_default();
            return Some(Outcome::Failure(reason(known), message));
        }
        if let Some(known) = condition(status, "SuccessCriteriaMet") {
            let message = known.message.clone().unwrap_or_default();
            return Some(Outcome::Success(reason(known), message));
        }
        self.failure(status).or_else(|| self.success())
    }

    fn failure(&self, status: &JobStatus) -> Option<Outcome> {
        let job = &self.observed.job;
        let by_rule = self
            .failed_pods()
            .find_map(|pod| match policy::of_failure(job, pod) {
                Verdict::FailJob(message) => Some(message),
                _ => None,
            });
        if let Some(message) = by_rule {
            return Some(Outcome::Failure("PodFailurePolicy", message));
        }
        let limit = self.spec.backoff_limit.unwrap_or(6);
        if status.failed.unwrap_or(0) > limit || self.restarts() > limit {
            let text = "Job has reached the specified backoff limit";
            return Some(Outcome::Failure("BackoffLimitExceeded", text.to_owned()));
        }
        if self.deadline(status).is_some_and(|left| left.is_zero()) {
            let text = "Job was active longer than specified deadline";
            return Some(Outcome::Failure("DeadlineExceeded", text.to_owned()));
        }
        let lost = i32::try_from(self.lost.len()).unwrap_or(i32::MAX);
        if self.spec.max_failed_indexes.is_some_and(|max| lost > max) {
            let text = "Job has exceeded the specified maximal number of failed indexes";
            return Some(Outcome::Failure(
                "MaxFailedIndexesExceeded",
                text.to_owned(),
            ));
        }
        let completions = usize::try_from(self.spec.completions.unwrap_or(0)).unwrap_or(0);
        if lost > 0 && self.lost.len() + self.done.len() >= completions {
            let text = "Job has failed indexes";
            return Some(Outcome::Failure("FailedIndexes", text.to_owned()));
        }
        None
    }

    /// Containers that are restarted in their pod fail there; such a Job counts restarts.
    fn restarts(&self) -> i32 {
        let template = self.spec.template.spec.as_ref();
        if template.and_then(|spec| spec.restart_policy.as_deref()) != Some("OnFailure") {
            return 0;
        }
        let statuses = self.active.iter().filter_map(|pod| pod.status.as_ref());
        let containers = statuses.flat_map(|status| {
            let first = status.init_container_statuses.iter().flatten();
            first.chain(status.container_statuses.iter().flatten())
        });
        containers.map(|container| container.restart_count).sum()
    }

    fn success(&self) -> Option<Outcome> {
        if let Some(message) = policy::is_satisfied(&self.observed.job, &self.done) {
            return Some(Outcome::Success("SuccessPolicy", message));
        }
        let is_complete = match self.spec.completions {
            None => self.succeeded > 0 && self.active.is_empty() && self.terminating == 0,
            Some(completions) => {
                usize::try_from(completions).is_ok_and(|wanted| self.succeeded >= wanted)
            }
        };
        let text = "Reached expected number of succeeded pods";
        is_complete.then(|| Outcome::Success("CompletionsReached", text.to_owned()))
    }

    /// Time until the deadline; `None` without one.
    fn deadline(&self, status: &JobStatus) -> Option<Duration> {
        let seconds = self
            .spec
            .active_deadline_seconds
            .filter(|_| !self.is_suspended())?;
        let since = status.start_time.as_ref()?.0;
        let allowed = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let passed = Duration::try_from(self.now.duration_since(since)).unwrap_or_default();
        Some(allowed.saturating_sub(passed))
    }

    /// First the decision, then the end of all pods, then the end of the Job.
    fn end(&self, outcome: &Outcome, plan: &mut Plan) {
        if self.observed.may_act {
            plan.delete
                .extend(self.active.iter().take(BURST_MAX).cloned());
        }
        let (interim, last, reason, message) = match outcome {
            Outcome::Success(reason, message) => {
                ("SuccessCriteriaMet", "Complete", *reason, message)
            }
            Outcome::Failure(reason, message) => ("FailureTarget", "Failed", *reason, message),
        };
        let is_new = condition(&plan.status, interim).is_none();
        if is_new {
            self.set(&mut plan.status, (interim, true), (reason, message.clone()));
        }
        let is_tracked = self
            .observed
            .pods
            .iter()
            .any(|pod| template::is_tracked(pod));
        if !self.active.is_empty() || self.terminating > 0 || is_tracked {
            return;
        }
        self.set(&mut plan.status, (last, true), (reason, message.clone()));
        plan.event = Some(match outcome {
            Outcome::Success(..) => {
                plan.status.completion_time = Some(Time(self.now));
                (EventType::Normal, "Completed", "Job completed".to_owned())
            }
            Outcome::Failure(reason, message) => (EventType::Warning, *reason, message.clone()),
        });
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

    fn manage(&self, plan: &mut Plan) {
        let parallelism = usize::try_from(self.spec.parallelism.unwrap_or(1)).unwrap_or(0);
        let wanted = match self.spec.completions {
            None if self.succeeded > 0 => self.active.len().min(parallelism),
            None => parallelism,
            Some(completions) => {
                let completions = usize::try_from(completions).unwrap_or(0);
                let left = completions.saturating_sub(self.succeeded + self.lost.len());
                left.min(parallelism)
            }
        };
        if self.active.len() > wanted {
            let mut victims = self.active.clone();
            victims.sort_by(|a, b| pods::deletion_order((a, 0), (b, 0), self.now));
            victims.truncate((self.active.len() - wanted).min(BURST_MAX));
            plan.delete = victims;
            return;
        }
        let leaving = if count::awaits_end(&self.observed.job) {
            self.terminating
        } else {
            0
        };
        let missing = wanted
            .saturating_sub(self.active.len() + leaving)
            .min(BURST_MAX);
        if missing == 0 {
            return;
        }
        if let Some(wait) = self.backoff() {
            plan.then = Some(plan.then.map_or(wait, |then| then.min(wait)));
            return;
        }
        plan.create = self.creations(missing);
    }

    fn creations(&self, count: usize) -> Vec<Creation> {
        if !is_indexed(&self.observed.job) {
            return vec![
                Creation {
                    index: None,
                    failures: None
                };
                count
            ];
        }
        let taken: BTreeSet<i32> = self
            .active
            .iter()
            .filter_map(|pod| template::index(pod))
            .collect();
        let failures = self.failures();
        let all = 0..self.spec.completions.unwrap_or(0);
        let free = all.filter(|index| {
            !taken.contains(index) && !self.done.contains(index) && !self.lost.contains(index)
        });
        let limited = self.spec.backoff_limit_per_index.is_some();
        free.take(count)
            .map(|index| Creation {
                index: Some(index),
                failures: limited.then(|| failures.get(&index).copied().unwrap_or(0)),
            })
            .collect()
    }

    /// How long to wait after failures since the last success.
    fn backoff(&self) -> Option<Duration> {
        let finished = |pod: &Pod| {
            let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
            let ends = statuses.iter().filter_map(|container| {
                Some(
                    container
                        .state
                        .as_ref()?
                        .terminated
                        .as_ref()?
                        .finished_at
                        .as_ref()?
                        .0,
                )
            });
            ends.max()
                .or_else(|| pod.metadata.deletion_timestamp.as_ref().map(|time| time.0))
        };
        let is_success = |pod: &&Arc<Pod>| pods::phase(pod) == "Succeeded";
        let succeeded = self.observed.pods.iter().filter(is_success);
        let success = succeeded.filter_map(|pod| finished(pod)).max();
        let failures: Vec<Timestamp> = self
            .failed_pods()
            .filter_map(|pod| finished(pod))
            .filter(|at| success.is_none_or(|success| *at > success))
            .collect();
        let last = failures.iter().max()?;
        let doublings = u32::try_from(failures.len() - 1).unwrap_or(31).min(31);
        let wait = BACKOFF_INITIAL
            .saturating_mul(1 << doublings)
            .min(BACKOFF_MAX);
        let passed = Duration::try_from(self.now.duration_since(*last)).unwrap_or_default();
        Some(wait.saturating_sub(passed)).filter(|left| !left.is_zero())
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

/// The reason of a decision, as one of those that are made here.
fn reason(condition: &JobCondition) -> &'static str {
    const REASONS: &[&str] = &[
        "BackoffLimitExceeded",
        "CompletionsReached",
        "DeadlineExceeded",
        "FailedIndexes",
        "MaxFailedIndexesExceeded",
        "PodFailurePolicy",
        "SuccessPolicy",
    ];
    let known = condition.reason.as_deref();
    REASONS
        .iter()
        .find(|reason| known == Some(reason))
        .copied()
        .unwrap_or("Decided")
}

#[cfg(test)]
mod tests;
