//! Kinds of the group `batch`.

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(_plural: &str) -> Option<&'static dyn Rules> {
    None
}
