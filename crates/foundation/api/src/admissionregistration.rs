//! Kinds of the group `admissionregistration.k8s.io`.

mod webhooks;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    match plural {
        "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => {
            Some(&webhooks::WebhookConfiguration)
        }
        _ => None,
    }
}
