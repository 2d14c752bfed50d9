//! Kinds of the group `discovery.k8s.io`.

mod endpoint_slice;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    match plural {
        "endpointslices" => Some(&endpoint_slice::EndpointSlice),
        _ => None,
    }
}
