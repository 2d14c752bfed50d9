use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use serde_json::{Value, json};

use super::{best, mismatch};

fn volume(name: &str, size: &str, claim: &Value) -> Arc<PersistentVolume> {
    let tree = json!({
        "metadata": { "name": name },
        "spec": { "capacity": { "storage": size }, "accessModes": ["ReadWriteOnce"], "claimRef": claim },
        "status": { "phase": "Available" },
    });
    Arc::new(serde_json::from_value(tree).unwrap())
}

fn claim(size: &str) -> PersistentVolumeClaim {
    serde_json::from_value(json!({
        "metadata": { "name": "data", "namespace": "default", "uid": "u" },
        "spec": { "storageClassName": "", "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": size } } },
    }))
    .unwrap()
}

fn check(volumes: &[Arc<PersistentVolume>], is_delayed: bool, expected: Option<&str>) {
    let found = best(&claim("1Gi"), volumes, is_delayed);
    assert_eq!(
        found
            .and_then(|volume| volume.metadata.name.clone())
            .as_deref(),
        expected
    );
}

#[test]
fn takes_the_smallest_that_is_large_enough() {
    let none = json!(null);
    let volumes = [
        volume("a", "500Mi", &none),
        volume("b", "10Gi", &none),
        volume("c", "2Gi", &none),
    ];
    check(&volumes, false, Some("c"));
}

#[test]
fn takes_what_is_reserved_for_it_even_if_it_is_delayed() {
    let ours = json!({ "namespace": "default", "name": "data" });
    let volumes = [volume("a", "1Gi", &json!(null)), volume("b", "10Gi", &ours)];
    check(&volumes, true, Some("b"));
    check(&volumes[..1], true, None);
}

#[test]
fn does_not_take_what_is_reserved_for_another_of_the_same_name() {
    let theirs = json!({ "namespace": "default", "name": "data", "uid": "other" });
    check(&[volume("a", "1Gi", &theirs)], false, None);
}

#[test]
fn says_why_a_volume_does_not_suit() {
    let small = volume("a", "1Mi", &json!(null));
    assert_eq!(
        mismatch(&small, &claim("1Gi")),
        Some("requested PV is too small")
    );
}
