//! The fields that a write resets, so that it cannot make its manager their owner.
//!
//! A write of the object resets its status; a write of the status resets the spec, and what more a
//! kind says. Other subresources change what they are for.

use std::sync::LazyLock;

use super::field_set::FieldSet;

const ANY: &str = "*";
const METADATA: &[&[&str]] = &[&["metadata"]];

/// What writes of the status reset beside the spec.
const STATUS: &[(&str, &str, &[&[&str]])] = &[
    ("", "Pod", POD),
    ("admissionregistration.k8s.io", ANY, METADATA),
    ("apiregistration.k8s.io", ANY, METADATA),
    ("apps", "Deployment", &[&["metadata", "labels"]]),
    (
        "certificates.k8s.io",
        "CertificateSigningRequest",
        &[&["status", "conditions"]],
    ),
    ("certificates.k8s.io", "PodCertificateRequest", METADATA),
    ("flowcontrol.apiserver.k8s.io", ANY, METADATA),
    ("internal.apiserver.k8s.io", ANY, METADATA),
    ("lifecycle.k8s.io", ANY, METADATA),
    ("networking.k8s.io", "ServiceCIDR", METADATA),
    ("resource.k8s.io", ANY, METADATA),
    ("scheduling.k8s.io", ANY, METADATA),
    ("storage.k8s.io", ANY, METADATA),
    ("storagemigration.k8s.io", ANY, METADATA),
];
const POD: &[&[&str]] = &[
    &["metadata", "deletionTimestamp"],
    &["metadata", "ownerReferences"],
];

static NOTHING: FieldSet = FieldSet { nodes: Vec::new() };
static OBJECT: LazyLock<FieldSet> = LazyLock::new(|| FieldSet::of_fields(&[&["status"]]));
static SIGNING_REQUEST: LazyLock<FieldSet> =
    LazyLock::new(|| FieldSet::of_fields(&[&["spec"], &["status"]]));
static APPROVAL: LazyLock<FieldSet> =
    LazyLock::new(|| FieldSet::of_fields(&[&["spec"], &["status", "certificate"]]));
static SPEC: LazyLock<FieldSet> = LazyLock::new(|| FieldSet::of_fields(&[&["spec"]]));
static CUSTOM: LazyLock<FieldSet> =
    LazyLock::new(|| FieldSet::of_fields(&[&["metadata"], &["spec"]]));
static BY_KIND: LazyLock<Vec<FieldSet>> = LazyLock::new(|| {
    let set = |more: &[&[&str]]| FieldSet::of_fields(&[more, &[&["spec"]]].concat());
    STATUS.iter().map(|(_, _, more)| set(more)).collect()
});

/// What a write of a built-in kind resets.
pub fn reset_fields(group: &str, kind: &str, subresource: &str) -> &'static FieldSet {
    match (subresource, kind) {
        ("", "CertificateSigningRequest") => &SIGNING_REQUEST,
        ("approval", "CertificateSigningRequest") => &APPROVAL,
        ("", _) | ("finalize", "Namespace") => &OBJECT,
        ("status", _) => {
            let is_it =
                |(of, name, _): &(&str, &str, _)| *of == group && (*name == kind || *name == ANY);
            let place = STATUS.iter().position(is_it);
            place.map_or_else(|| &*SPEC, |place| &BY_KIND[place])
        }
        _ => &NOTHING,
    }
}

/// What a write of a custom resource resets, if its version has a status subresource.
pub fn custom_reset_fields(subresource: &str) -> &'static FieldSet {
    match subresource {
        "" => &OBJECT,
        "status" => &CUSTOM,
        _ => &NOTHING,
    }
}
