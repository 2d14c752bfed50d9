//! Kinds of the group `scheduling.k8s.io`.

mod priority_class;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    match plural {
        "priorityclasses" => Some(&priority_class::PriorityClass),
        _ => None,
    }
}
