//! What the failure of a pod means, and when enough have succeeded, where the Job says so itself.

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::{Job, PodFailurePolicyRule};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use styr_client::Key;

use super::indexes;
use crate::shared::pods;

/// What a rule makes of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Count,
    Ignore,
    FailIndex,
    FailJob(String),
}

/// The first rule that fits decides; without one the failure counts.
pub(super) fn of_failure(job: &Job, pod: &Pod) -> Verdict {
    let policy = job
        .spec
        .as_ref()
        .and_then(|spec| spec.pod_failure_policy.as_ref());
    let rules = policy
        .map(|policy| policy.rules.as_slice())
        .unwrap_or_default();
    for (at, rule) in rules.iter().enumerate() {
        let Some(what) = fits(rule, pod) else {
            continue;
        };
        return match rule.action.as_str() {
            "FailJob" => Verdict::FailJob(format!("{what} matching FailJob rule at index {at}")),
            "FailIndex" => Verdict::FailIndex,
            "Ignore" => Verdict::Ignore,
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

fn fits(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    if let Some(codes) = &rule.on_exit_codes {
        let status = pod.status.as_ref()?;
        let containers = status.init_container_statuses.iter().flatten();
        let containers = containers.chain(status.container_statuses.iter().flatten());
        let mut named = containers.filter(|c| {
            codes
                .container_name
                .as_ref()
                .is_none_or(|name| *name == c.name)
        });
        return named.find_map(|container| {
            let code = exit_code(container).filter(|code| *code != 0)?;
            let is_listed = codes.values.contains(&code);
            let fits = if codes.operator == "In" {
                is_listed
            } else {
                !is_listed
            };
            let key = Key::of(pod);
            fits.then(|| {
                format!(
                    "Container {} for pod {key} failed with exit code {code}",
                    container.name
                )
            })
        });
    }
    let patterns = rule.on_pod_conditions.iter().flatten();
    let mut fitting = patterns.filter(|pattern| {
        let wanted = pattern.status.as_deref().unwrap_or("True");
        pods::condition(pod, &pattern.type_).is_some_and(|known| known.status == wanted)
    });
    fitting
        .next()
        .map(|pattern| format!("Pod {} has condition {}", Key::of(pod), pattern.type_))
}

fn exit_code(container: &ContainerStatus) -> Option<i32> {
    let state = container.state.as_ref()?;
    state
        .terminated
        .as_ref()
        .map(|terminated| terminated.exit_code)
}

/// Whether the success policy is satisfied by these indexes, and by which rule.
pub(super) fn is_satisfied(job: &Job, succeeded: &BTreeSet<i32>) -> Option<String> {
    let policy = job.spec.as_ref()?.success_policy.as_ref()?;
    policy.rules.iter().enumerate().find_map(|(at, rule)| {
        let wanted = rule.succeeded_indexes.as_deref().map(indexes::parse);
        let of_wanted = match &wanted {
            Some(wanted) => succeeded.intersection(wanted).count(),
            None => succeeded.len(),
        };
        let enough = match (rule.succeeded_count, &wanted) {
            (Some(count), _) => usize::try_from(count).is_ok_and(|count| of_wanted >= count),
            (None, Some(wanted)) => of_wanted >= wanted.len(),
            (None, None) => false,
        };
        enough.then(|| format!("Matched rules at index {at}"))
    })
}
