//! Counting each finished pod once: noted in the status, let go, then counted.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::{Job, JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;

use super::plan::{Observed, is_over};
use super::policy::{self, Verdict};
use super::{indexes, template};
use crate::shared::pods;

/// Pods that are settled in one pass, as upstream limits it: they stand in the status.
const SETTLED_MAX: usize = 500;

/// What to write before and after the pods are let go.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) noted: JobStatus,
    pub(super) release: Vec<Arc<Pod>>,
    pub(super) settled: JobStatus,
}

impl Counted {
    pub(super) fn is_nothing(&self) -> bool {
        self.release.is_empty() && self.noted == self.settled
    }
}

/// Whether a pod has ended as far as this Job is concerned.
pub(super) fn has_ended(job: &Job, pod: &Pod) -> bool {
    pods::is_finished(pod) || (pod.metadata.deletion_timestamp.is_some() && !awaits_end(job))
}

/// Whether a pod that is going is replaced only when it has gone.
pub(super) fn awaits_end(job: &Job) -> bool {
    let policy = job
        .spec
        .as_ref()
        .and_then(|spec| spec.pod_replacement_policy.as_deref());
    policy == Some("Failed")
}

/// Decides; touches nothing.
pub(super) fn count(observed: &Observed) -> Counted {
    let job = &observed.job;
    let mut noted = job.status.clone().unwrap_or_default();
    let mut uncounted = noted.uncounted_terminated_pods.take().unwrap_or_default();
    let mut succeeded: BTreeSet<String> = uncounted
        .succeeded
        .take()
        .unwrap_or_default()
        .into_iter()
        .collect();
    let mut failed: BTreeSet<String> = uncounted
        .failed
        .take()
        .unwrap_or_default()
        .into_iter()
        .collect();
    let is_over = is_over(&noted) || job.metadata.deletion_timestamp.is_some();
    let is_indexed = super::plan::is_indexed(job);
    let mut done = indexes::parse(noted.completed_indexes.as_deref().unwrap_or_default());
    let mut release = Vec::new();
    for pod in observed.pods.iter().filter(|pod| template::is_tracked(pod)) {
        if release.len() >= SETTLED_MAX || !(has_ended(job, pod) || is_over) {
            continue;
        }
        release.push(Arc::clone(pod));
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let is_known = succeeded.contains(&uid) || failed.contains(&uid);
        if is_known || is_over {
            continue;
        }
        if pods::phase(pod) == "Succeeded" {
            let index = template::index(pod);
            if !is_indexed {
                succeeded.insert(uid);
            } else if index.is_some_and(|index| super::plan::is_valid(job, index)) {
                done.extend(index);
            }
        } else if policy::of_failure(job, pod) != Verdict::Ignore {
            failed.insert(uid);
        }
    }
    if is_indexed {
        noted.completed_indexes = Some(indexes::text(&done)).filter(|text| !text.is_empty());
        noted.succeeded = number(done.len());
    }
    let mut settled = noted.clone();
    let list = |set: &BTreeSet<String>| {
        Some(set.iter().cloned().collect::<Vec<_>>()).filter(|list| !list.is_empty())
    };
    noted.uncounted_terminated_pods = Some(UncountedTerminatedPods {
        succeeded: list(&succeeded),
        failed: list(&failed),
    });
    settled.uncounted_terminated_pods = Some(UncountedTerminatedPods::default());
    if !is_indexed {
        settled.succeeded = added(noted.succeeded, succeeded.len());
    }
    settled.failed = added(noted.failed, failed.len());
    // What has ended is active no more; the server checks that the numbers agree.
    Counted {
        noted,
        release,
        settled,
    }
}

fn number(count: usize) -> Option<i32> {
    Some(i32::try_from(count).unwrap_or(i32::MAX)).filter(|count| *count > 0)
}

fn added(before: Option<i32>, count: usize) -> Option<i32> {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    Some(before.unwrap_or(0).saturating_add(count)).filter(|count| *count > 0)
}
