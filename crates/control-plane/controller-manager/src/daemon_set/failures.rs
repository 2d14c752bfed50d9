//! The nodes on which pods of a DaemonSet fail, and how long each waits for the next.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use styr_base::Backoff;

use super::plan::Removal;

/// Upstream's back-off of pods that fail on a node.
const FAILED_INITIAL: Duration = Duration::from_secs(1);
const FAILED_MAX: Duration = Duration::from_secs(900);

/// A node on which a pod has failed.
struct Failed {
    backoff: Backoff,
    since: Duration,
    wait: Duration,
}

#[derive(Default)]
pub(super) struct Failures {
    /// By uid of the DaemonSet and node.
    known: Mutex<HashMap<(String, String), Failed>>,
}

impl Failures {
    /// Pods that fail again and again on a node are replaced more and more slowly: what may be
    /// removed now, and after what time the next.
    pub(super) fn allow(
        &self,
        daemon_set: &DaemonSet,
        removals: Vec<Removal>,
        now: Duration,
    ) -> (Vec<Removal>, Option<Duration>) {
        let uid = daemon_set.metadata.uid.clone().unwrap_or_default();
        let mut failures = self.known.lock().expect("no holder of this lock panics");
        // What has not failed for twice the longest wait is well again.
        failures.retain(|_, failed| now.saturating_sub(failed.since) < 2 * FAILED_MAX);
        let mut next: Option<Duration> = None;
        let allowed = removals.into_iter().filter(|removal| {
            let Some(node) = &removal.failed_on else {
                return true;
            };
            let id = (uid.clone(), node.clone());
            let failed = failures.entry(id).or_insert_with(|| Failed {
                backoff: Backoff::new(FAILED_INITIAL, FAILED_MAX),
                since: now,
                wait: Duration::ZERO,
            });
            let left = (failed.since + failed.wait).saturating_sub(now);
            if left.is_zero() {
                (failed.since, failed.wait) = (now, failed.backoff.next_wait());
                return true;
            }
            next = Some(next.map_or(left, |next| next.min(left)));
            false
        });
        (allowed.collect(), next)
    }
}
