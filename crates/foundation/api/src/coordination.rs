//! Kinds of the group `coordination.k8s.io`.

mod lease;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    match plural {
        "leases" => Some(&lease::Lease),
        _ => None,
    }
}
