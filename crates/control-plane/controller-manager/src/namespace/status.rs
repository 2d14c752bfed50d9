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

type Text = (&'static str, String);

/// All conditions; the time of transition moves only with the status.
pub(super) fn conditions(
    known: &[NamespaceCondition],
    remaining: &Remaining,
    now: Timestamp,
) -> Vec<NamespaceCondition> {
    let fine = |reason: &'static str, text: &str| (reason, text.to_owned());
    let wanted = [
        (
            "NamespaceDeletionDiscoveryFailure",
            remaining.undiscovered_text(),
            fine(
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            None,
            fine(
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
        ),
        (
            "NamespaceDeletionContentFailure",
            remaining.failed_text(),
            fine(
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
        ),
        (
            "NamespaceContentRemaining",
            remaining.left_text(),
            fine("ContentRemoved", "All content successfully removed"),
        ),
        (
            "NamespaceFinalizersRemaining",
            remaining.finalizers_text(),
            fine(
                "ContentHasNoFinalizers",
                "All content-preserving finalizers finished",
            ),
        ),
    ];
    let made = wanted.into_iter().map(|(kind, problem, fine)| {
        let before = known.iter().find(|condition| condition.type_ == kind);
        let status = if problem.is_some() { "True" } else { "False" };
        let (reason, message) = problem.unwrap_or(fine);
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

impl Remaining {
    fn undiscovered_text(&self) -> Option<Text> {
        let text = problems(&self.undiscovered, "Discovery failed for some groups")?;
        Some(("DiscoveryFailed", text))
    }

    fn failed_text(&self) -> Option<Text> {
        let text = problems(&self.failed, "Failed to delete all resource types")?;
        Some(("ContentDeletionFailed", text))
    }

    fn left_text(&self) -> Option<Text> {
        let text = counts(&self.left, "has")?;
        Some((
            "SomeResourcesRemain",
            format!("Some resources are remaining: {text}"),
        ))
    }

    fn finalizers_text(&self) -> Option<Text> {
        let text = counts(&self.finalizers, "in")?;
        let text = format!("Some content in the namespace has finalizers remaining: {text}");
        Some(("SomeFinalizersRemain", text))
    }
}

fn problems(problems: &[String], what: &str) -> Option<String> {
    let count = problems.len();
    (count > 0).then(|| format!("{what}, {count} error(s): {}", problems.join(", ")))
}

fn counts(map: &BTreeMap<String, usize>, word: &str) -> Option<String> {
    let entry =
        |(name, count): (&String, &usize)| format!("{name} {word} {count} resource instances");
    let entries: Vec<String> = map.iter().map(entry).collect();
    (!entries.is_empty()).then(|| entries.join(", "))
}
