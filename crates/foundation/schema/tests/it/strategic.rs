//! Strategic merge patches, as `kubectl apply` and controllers send them.

#![expect(
    clippy::needless_pass_by_value,
    reason = "documents are written where they are used"
)]

use serde_json::{Value, json};
use styr_schema::Schema;

fn check(current: Value, patch: Value, wanted: Value) {
    let shape = Schema::builtin()
        .shape("io.k8s.api.apps.v1.Deployment")
        .unwrap();
    assert_eq!(shape.strategic_merge(&current, &patch).unwrap(), wanted);
}

fn containers(list: Value) -> Value {
    json!({"spec": {"template": {"spec": {"containers": list}}}})
}

#[test]
fn containers_are_merged_by_name() {
    check(
        containers(json!([{"name": "a", "image": "x"}, {"name": "b", "image": "y"}])),
        containers(json!([{"name": "b", "image": "z"}])),
        containers(json!([{"name": "a", "image": "x"}, {"name": "b", "image": "z"}])),
    );
}

#[test]
fn items_are_deleted_and_maps_replaced_by_directive() {
    check(
        containers(json!([{"name": "a"}, {"name": "b"}])),
        containers(json!([{"name": "a", "$patch": "delete"}])),
        containers(json!([{"name": "b"}])),
    );
    check(
        json!({"metadata": {"labels": {"a": "b"}}}),
        json!({"metadata": {"labels": {"$patch": "replace", "c": "d"}}}),
        json!({"metadata": {"labels": {"c": "d"}}}),
    );
}

#[test]
fn the_order_is_what_the_patch_asks_for() {
    check(
        containers(json!([{"name": "a"}, {"name": "b"}])),
        json!({"spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
            "containers": [{"name": "c"}]
        }}}}),
        containers(json!([{"name": "c"}, {"name": "b"}, {"name": "a"}])),
    );
}

#[test]
fn primitives_are_added_once_and_deleted_by_directive() {
    check(
        json!({"metadata": {"finalizers": ["a", "b"]}}),
        json!({"metadata": {"finalizers": ["b", "c"], "$deleteFromPrimitiveList/finalizers": ["a"]}}),
        json!({"metadata": {"finalizers": ["b", "c"]}}),
    );
}

#[test]
fn keys_that_are_not_retained_go() {
    check(
        json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}),
        json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
        json!({"spec": {"strategy": {"type": "Recreate"}}}),
    );
}

#[test]
fn null_removes_and_new_maps_lose_their_nulls() {
    check(
        json!({"metadata": {"annotations": {"a": "b"}}}),
        json!({"metadata": {"annotations": {"a": null}, "labels": {"x": null, "y": "z"}}}),
        json!({"metadata": {"annotations": {}, "labels": {"y": "z"}}}),
    );
}

#[test]
fn an_item_without_its_key_is_refused() {
    let shape = Schema::builtin().shape("io.k8s.api.core.v1.Pod").unwrap();
    let current = json!({"spec": {"containers": [{"name": "a"}]}});
    let error = shape.strategic_merge(&current, &json!({"spec": {"containers": [{"image": "x"}]}}));
    let text = error.unwrap_err().to_string();
    assert!(
        text.ends_with("does not contain declared merge key: name"),
        "{text}"
    );
}
