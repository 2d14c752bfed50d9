//! Subresources: what each may come to own, and how a scale shares its owners with its object.

use serde_json::{Value, json};
use styr_schema::managed::{self, FieldSet};

#[expect(
    clippy::needless_pass_by_value,
    reason = "documents are written where they are used"
)]
fn entry(manager: &str, operation: &str, api_version: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": api_version,
        "fieldsType": "FieldsV1", "fieldsV1": fields})
}

#[test]
fn replicas_are_owned_in_the_scale_as_in_the_object() {
    let replicas: &[&str] = &["spec", "replicas"];
    let paths = [("apps/v1", Some(replicas))];
    let owner = entry(
        "m",
        "Apply",
        "apps/v1",
        json!({"f:spec": {"f:paused": {}, "f:replicas": {}}}),
    );
    let scale = managed::to_scale(std::slice::from_ref(&owner), &paths)
        .unwrap()
        .unwrap();
    let wanted = entry(
        "m",
        "Apply",
        "autoscaling/v1",
        json!({"f:spec": {"f:replicas": {}}}),
    );
    assert_eq!(scale, json!([wanted]));
    let mut taken = entry(
        "k",
        "Update",
        "autoscaling/v1",
        json!({"f:spec": {"f:replicas": {}}}),
    );
    taken["subresource"] = "scale".into();
    let back = managed::from_scale(&[owner], &[taken], ("apps/v1", &paths))
        .unwrap()
        .unwrap();
    assert_eq!(back[0]["fieldsV1"], json!({"f:spec": {"f:paused": {}}}));
    assert_eq!(back[1]["apiVersion"], "apps/v1");
    assert_eq!(back[1]["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
}

#[test]
fn what_a_write_resets_depends_on_the_kind_and_the_subresource() {
    let cases: [(&str, &str, &str, &[&[&str]]); 8] = [
        ("apps", "ReplicaSet", "", &[&["status"]]),
        ("apps", "ReplicaSet", "status", &[&["spec"]]),
        (
            "apps",
            "Deployment",
            "status",
            &[&["metadata", "labels"], &["spec"]],
        ),
        (
            "storage.k8s.io",
            "CSINode",
            "status",
            &[&["metadata"], &["spec"]],
        ),
        ("", "Namespace", "finalize", &[&["status"]]),
        (
            "certificates.k8s.io",
            "CertificateSigningRequest",
            "approval",
            &[&["spec"], &["status", "certificate"]],
        ),
        (
            "certificates.k8s.io",
            "CertificateSigningRequest",
            "",
            &[&["spec"], &["status"]],
        ),
        ("", "Pod", "ephemeralcontainers", &[]),
    ];
    for (group, kind, subresource, wanted) in cases {
        let reset = managed::reset_fields(group, kind, subresource);
        assert_eq!(reset, &FieldSet::of_fields(wanted), "{kind} {subresource}");
    }
}
