//! Whether a job is due, and which old ones may go.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::schedule::Schedule;
use super::zone;
use crate::shared::ownership;

const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// With so many missed, something is wrong with the schedule or with the clocks.
const MISSED_MAX: usize = 100;
/// Upstream waits a little longer than needed, for clocks that are not quite alike.
const SLACK: Duration = Duration::from_millis(100);

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) cron_job: Arc<CronJob>,
    /// The jobs that it controls.
    pub(super) jobs: Vec<Arc<Job>>,
    /// Names of active jobs that no longer exist.
    pub(super) missing: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Warning,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) events: Vec<(Kind, &'static str, String)>,
    pub(super) delete: Vec<Arc<Job>>,
    pub(super) create: Option<Job>,
    pub(super) status: CronJobStatus,
    pub(super) then: Option<Duration>,
}

impl Plan {
    fn tell(&mut self, kind: Kind, reason: &'static str, message: String) {
        self.events.push((kind, reason, message));
    }

    fn forget(&mut self, uid: Option<&String>) {
        let active = self.status.active.get_or_insert_default();
        active.retain(|reference| reference.uid.as_ref() != uid);
    }
}

/// How a job has ended, if it has.
fn end(job: &Job) -> Option<&str> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let ended = conditions.iter().find(|condition| {
        condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed")
    });
    ended.map(|condition| condition.type_.as_str())
}

/// Decides; touches nothing.
pub(super) fn plan(observed: &Observed, now: Timestamp) -> Plan {
    let mut plan = Plan {
        status: observed.cron_job.status.clone().unwrap_or_default(),
        ..Plan::default()
    };
    clean_up(observed, &mut plan);
    follow(observed, &mut plan);
    if observed.cron_job.metadata.deletion_timestamp.is_none() {
        start(observed, now, &mut plan);
    }
    plan
}

/// Takes note of what has ended since.
fn follow(observed: &Observed, plan: &mut Plan) {
    for job in &observed.jobs {
        let uid = job.metadata.uid.as_ref();
        let name = job.metadata.name.as_deref().unwrap_or_default();
        let active = plan.status.active.iter().flatten();
        let is_active = active
            .into_iter()
            .any(|reference| reference.uid.as_ref() == uid);
        match end(job) {
            None if !is_active => {
                let text =
                    format!("Saw a job that the controller did not create or forgot: {name}");
                plan.tell(Kind::Warning, "UnexpectedJob", text);
            }
            Some(end) if is_active => {
                plan.forget(uid);
                let text = format!("Saw completed job: {name}, condition: {end}");
                plan.tell(Kind::Normal, "SawCompletedJob", text);
            }
            _ => {}
        }
        if end(job) == Some("Complete") {
            let done = job
                .status
                .as_ref()
                .and_then(|status| status.completion_time.clone());
            if plan.status.last_successful_time < done {
                plan.status.last_successful_time = done;
            }
        }
    }
    for name in &observed.missing {
        plan.tell(
            Kind::Normal,
            "MissingJob",
            format!("Active job went missing: {name}"),
        );
        let active = plan.status.active.get_or_insert_default();
        active.retain(|reference| reference.name.as_ref() != Some(name));
    }
}

/// Removes the oldest of those that have ended beyond what is to be kept.
fn clean_up(observed: &Observed, plan: &mut Plan) {
    let spec = observed.cron_job.spec.clone();
    let limits = [
        ("Complete", spec.successful_jobs_history_limit.unwrap_or(3)),
        ("Failed", spec.failed_jobs_history_limit.unwrap_or(1)),
    ];
    for (kind, limit) in limits {
        let ended = observed.jobs.iter().filter(|job| end(job) == Some(kind));
        let mut ended: Vec<_> = ended.collect();
        let started = |job: &Job| {
            let start = job
                .status
                .as_ref()
                .and_then(|status| status.start_time.clone());
            (start, job.metadata.name.clone())
        };
        ended.sort_by_key(|job| started(job));
        let excess = ended
            .len()
            .saturating_sub(usize::try_from(limit).unwrap_or(0));
        plan.delete.extend(ended.into_iter().take(excess).cloned());
    }
}

fn start(observed: &Observed, now: Timestamp, plan: &mut Plan) {
    let cron_job = &*observed.cron_job;
    let spec = cron_job.spec.clone();
    let zone = spec.time_zone.as_deref().unwrap_or("UTC");
    let Some(zone) = zone::named(zone) else {
        let text = format!("invalid timeZone: {zone:?}: unknown time zone {zone}");
        return plan.tell(Kind::Warning, "UnknownTimeZone", text);
    };
    if spec.suspend == Some(true) {
        return;
    }
    let schedule = match Schedule::parse(&spec.schedule) {
        Ok(schedule) => schedule,
        Err(why) => {
            let text = format!("unparseable schedule: {:?} : {why}", spec.schedule);
            return plan.tell(Kind::Warning, "UnparseableSchedule", text);
        }
    };
    let next = schedule.next(now, &zone);
    plan.then = next
        .and_then(|next| Duration::try_from(next.duration_since(now)).ok())
        .map(|wait| wait + SLACK);
    let deadline = spec
        .starting_deadline_seconds
        .and_then(|s| u64::try_from(s).ok());
    let deadline = deadline.map(Duration::from_secs);
    let since = earliest(cron_job, deadline, now);
    let Some((due, missed)) = schedule.latest((since, now), &zone, MISSED_MAX) else {
        return;
    };
    if missed > MISSED_MAX {
        let text = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or \
                    check clock skew";
        plan.tell(Kind::Warning, "TooManyMissedTimes", text.to_owned());
    }
    if deadline.is_some_and(|deadline| due + deadline < now) {
        let text = format!("Missed scheduled time to start a job: {due}");
        return plan.tell(Kind::Warning, "MissSchedule", text);
    }
    let is_running = plan
        .status
        .active
        .as_ref()
        .is_some_and(|active| !active.is_empty());
    match spec.concurrency_policy.as_deref() {
        Some("Forbid") if is_running => {
            let text = "Not starting job because prior execution is running and concurrency \
                        policy is Forbid";
            return plan.tell(Kind::Normal, "JobAlreadyActive", text.to_owned());
        }
        Some("Replace") => {
            let active = plan.status.active.take().unwrap_or_default();
            let is_active = |job: &&Arc<Job>| {
                let uid = &job.metadata.uid;
                active.iter().any(|reference| reference.uid == *uid)
            };
            let replaced = observed.jobs.iter().filter(is_active).cloned();
            plan.delete.extend(replaced);
        }
        _ => {}
    }
    plan.status.last_schedule_time = Some(Time(due));
    plan.create = Some(job(cron_job, due, &zone));
}

/// From when on a moment that was due still counts.
fn earliest(cron_job: &CronJob, deadline: Option<Duration>, now: Timestamp) -> Timestamp {
    let status = cron_job.status.as_ref();
    let last = status.and_then(|status| status.last_schedule_time.as_ref());
    let since = last.or(cron_job.metadata.creation_timestamp.as_ref());
    let since = since.map_or(now, |time| time.0);
    match deadline {
        Some(deadline) => since.max(now - deadline),
        None => since,
    }
}

/// The job that was due then; its name says when, so that it is made only once.
fn job(cron_job: &CronJob, due: Timestamp, zone: &TimeZone) -> Job {
    let spec = cron_job.spec.clone();
    let template = spec.job_template.metadata.unwrap_or_default();
    let owner = &cron_job.metadata;
    let name = owner.name.as_deref().unwrap_or_default();
    let mut annotations = template.annotations.unwrap_or_default();
    let local = due
        .to_zoned(zone.clone())
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string();
    let local = local.replace("+00:00", "Z");
    annotations.insert(SCHEDULED_AT.to_owned(), local);
    Job {
        metadata: ObjectMeta {
            name: Some(format!("{name}-{}", due.as_second() / 60)),
            namespace: owner.namespace.clone(),
            labels: template.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![ownership::reference(cron_job)]),
            ..ObjectMeta::default()
        },
        spec: spec.job_template.spec,
        status: None,
    }
}

/// What stands for a running job in the status.
pub(super) fn reference(job: &Job) -> ObjectReference {
    ObjectReference {
        resource_version: job.metadata.resource_version.clone(),
        ..styr_client::events::reference(job)
    }
}

#[cfg(test)]
mod tests;
