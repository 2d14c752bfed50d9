use k8s_openapi::api::core::v1::Volume;
use serde_json::{Value, json};

use super::is_conflict;

fn volume(source: &Value) -> Volume {
    let mut tree = source.clone();
    tree["name"] = json!("data");
    serde_json::from_value(tree).expect("a volume")
}

#[test]
fn a_disk_is_shared_by_readers_only() {
    let disk = |name: &str, read_only: bool| {
        volume(&json!({ "gcePersistentDisk": { "pdName": name, "readOnly": read_only } }))
    };
    assert!(is_conflict(&disk("a", false), &disk("a", false)));
    assert!(is_conflict(&disk("a", true), &disk("a", false)));
    assert!(!is_conflict(&disk("a", true), &disk("a", true)));
    assert!(!is_conflict(&disk("a", false), &disk("b", false)));
}

#[test]
fn an_image_is_the_same_by_any_common_monitor() {
    let image = |monitors: &[&str]| {
        volume(&json!({ "rbd": { "monitors": monitors, "pool": "p", "image": "i" } }))
    };
    assert!(is_conflict(&image(&["one", "two"]), &image(&["two"])));
    assert!(!is_conflict(&image(&["one"]), &image(&["two"])));
}
