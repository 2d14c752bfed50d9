//! Kinds of the group `autoscaling`.

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(_version: &str, _plural: &str) -> Option<&'static dyn Rules> {
    None
}
