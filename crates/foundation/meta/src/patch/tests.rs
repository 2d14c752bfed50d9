use serde_json::json;

use super::{PatchError, json_patch, merge_patch};

#[test]
fn a_merge_patch_removes_by_null() {
    let target = json!({"a": {"b": 1, "c": 2}, "d": [1]});
    let patched = merge_patch(&target, &json!({"a": {"b": null, "e": 3}, "d": [2]}));
    assert_eq!(patched.unwrap(), json!({"a": {"c": 2, "e": 3}, "d": [2]}));
}

#[test]
fn a_json_patch_that_fails_says_where() {
    let patch = json!([{"op":"remove","path":"/x"}]);
    let error = json_patch(&json!({}), &patch).unwrap_err();
    assert!(matches!(error, PatchError::DoesNotApply(text) if text.contains("/x")));
}

#[test]
fn a_json_patch_replaces() {
    let patch = json!([{"op":"replace","path":"/a/0","value":2}]);
    assert_eq!(
        json_patch(&json!({"a": [1]}), &patch).unwrap(),
        json!({"a": [2]})
    );
}
