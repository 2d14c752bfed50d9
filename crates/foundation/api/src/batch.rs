//! Kinds of the group `batch`.

mod cron_job;
mod job;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    let rules: &'static dyn Rules = match plural {
        "cronjobs" => &cron_job::CronJob,
        "jobs" => &job::Job,
        _ => return None,
    };
    Some(rules)
}
