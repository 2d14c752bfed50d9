//! What is left of a leaving namespace, as its conditions say it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NamespaceCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;
use styr_client::Error;

use crate::shared::discovery::Served;

/// What could not be deleted yet, and why.
#[derive(Debug, Default)]
pub(super) struct Remaining {
    pub(super) undiscovered: Vec<String>,
    pub(super) failed: Vec<String>,
    /// Count by resource, as `pods.` or `widgets.example.com`.
    pub(super) left: BTreeMap<String, usize>,
    /// Count by finalizer.
    pub(super) finalizers: BTreeMap<String, usize>,
}

impl Remaining {
    pub(super) fn undiscovered(error: &Error) -> Self {
        Self {
            undiscovered: vec![error.to_string()],
            ..Self::default()
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.undiscovered.is_empty() && self.failed.is_empty() && self.left.is_empty()
    }

    pub(super) fn note(&mut self, served: &Served, items: &[Value]) {
        if items.is_empty() {
            return;
        }
        let name = format!("{}.{}", served.address.plural, served.address.group);
        self.left.insert(name, items.len());
        for item in items {
            for finalizer in item["metadata"]["finalizers"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let name = finalizer.as_str().unwrap_or_default().to_owned();
                *self.finalizers.entry(name).or_default() += 1;
            }
        }
    }
}

/// All conditions; the time of transition moves only with the status.
pub(super) fn conditions(
    known: Vec<NamespaceCondition>,
    remaining: &Remaining,
    now: Timestamp,
) -> Vec<NamespaceCondition> {
    let list = |map: &BTreeMap<String, usize>, noun: &str| {
        let entries: Vec<String> = map
            .iter()
            .map(|(name, count)| format!("{name} {noun} {count} resource instances"))
            .collect();
        entries.join(", ")
    };
    let failed = |problems: &[String], what: &str| {
        format!(
            "{what}, {} error(s): {}",
            problems.len(),
            problems.join(", ")
        )
    };
    let wanted = [
        (
            "NamespaceDeletionDiscoveryFailure",
            (!remaining.undiscovered.is_empty()).then(|| {
                (
                    "DiscoveryFailed",
                    failed(&remaining.undiscovered, "Discovery failed for some groups"),
                )
            }),
            (
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            None,
            (
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
        ),
        (
            "NamespaceDeletionContentFailure",
            (!remaining.failed.is_empty()).then(|| {
                let what = "Failed to delete all resource types";
                ("ContentDeletionFailed", failed(&remaining.failed, what))
            }),
            (
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
        ),
        (
            "NamespaceContentRemaining",
            (!remaining.left.is_empty()).then(|| {
                let text = list(&remaining.left, "has");
                (
                    "SomeResourcesRemain",
                    format!("Some resources are remaining: {text}"),
                )
            }),
            ("ContentRemoved", "All content successfully removed"),
        ),
        (
            "NamespaceFinalizersRemaining",
            (!remaining.finalizers.is_empty()).then(|| {
                let text = list(&remaining.finalizers, "in");
                let text =
                    format!("Some content in the namespace has finalizers remaining: {text}");
                ("SomeFinalizersRemain", text)
            }),
            (
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            ),
        ),
    ];
    let made = wanted.into_iter().map(|(kind, problem, fine)| {
        let before = known.iter().find(|condition| condition.type_ == kind);
        let status = if problem.is_some() { "True" } else { "False" };
        let (reason, message) = problem.unwrap_or((fine.0, fine.1.to_owned()));
        let since = before.filter(|before| before.status == status);
        NamespaceCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_transition_time: since
                .and_then(|before| before.last_transition_time.clone())
                .or(Some(Time(now))),
        }
    });
    made.collect()
}
