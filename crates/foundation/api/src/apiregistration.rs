//! Kinds of the group `apiregistration.k8s.io`.

mod api_service;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    match plural {
        "apiservices" => Some(&api_service::ApiService),
        _ => None,
    }
}
