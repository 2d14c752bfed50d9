//! Whether a Job is over, and how it ends.

use std::time::Duration;

use k8s_openapi::api::batch::v1::{JobCondition, JobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use styr_client::events::EventType;

use super::{BURST_MAX, Pass, Plan, condition};
use crate::job::policy::{self, Verdict};
use crate::job::template;

/// How a Job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Success(&'static str, String),
    Failure(&'static str, String),
}

impl Pass<'_> {
    pub(super) fn outcome(&self, status: &JobStatus) -> Option<Outcome> {
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
    pub(super) fn deadline(&self, status: &JobStatus) -> Option<Duration> {
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
    pub(super) fn end(&self, outcome: &Outcome, plan: &mut Plan) {
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
