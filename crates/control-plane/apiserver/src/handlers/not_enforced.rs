//! Kinds that the server itself would have to enforce and does not yet: they are refused rather
//! than stored without effect.

use styr_api::Kind;

const NOT_ENFORCED: &[(&str, &str)] = &[
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    (
        "admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings",
    ),
    (
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
    ),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicies",
    ),
    (
        "admissionregistration.k8s.io",
        "validatingadmissionpolicybindings",
    ),
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
    ),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices"),
    ("networking.k8s.io", "networkpolicies"),
    ("", "resourcequotas"),
];

/// Why objects of this kind cannot be written, if they cannot.
pub(super) fn reason(kind: &Kind) -> Option<String> {
    let is_listed = NOT_ENFORCED.contains(&(kind.group.as_str(), kind.plural.as_str()));
    is_listed.then(|| {
        format!(
            "{} is not implemented: writing a {} would have no effect",
            kind.plural, kind.kind
        )
    })
}
