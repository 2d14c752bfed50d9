//! Kinds of the group `policy`.

mod pod_disruption_budget;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    match plural {
        "poddisruptionbudgets" => Some(&pod_disruption_budget::PodDisruptionBudget),
        _ => None,
    }
}
