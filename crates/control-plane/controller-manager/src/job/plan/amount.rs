//! How many pods a Job is to have now, and of which indexes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::{BURST_MAX, Pass, Plan, is_indexed};
use crate::job::count;
use crate::job::template::{self, Creation};
use crate::shared::pods;

/// Upstream's back-off of failing pods.
const BACKOFF_INITIAL: Duration = Duration::from_secs(10);
const BACKOFF_MAX: Duration = Duration::from_secs(600);

impl Pass<'_> {
    pub(super) fn manage(&self, plan: &mut Plan) {
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
}
