use serde_json::json;

use super::{condition, lacks, with};

#[test]
fn a_schema_that_says_so_already_is_left_alone() {
    let earlier = condition("level", true, "2026-01-01T00:00:00Z");
    let schema = with(json!({}), &earlier);
    let again = condition("level", true, "2026-01-02T00:00:00Z");
    assert!(!lacks(&schema, &again));
    assert!(lacks(&schema, &condition("level", false, "")));
    assert!(lacks(&schema, &condition("other", true, "")));
    assert!(lacks(&json!({ "status": {} }), &again));
}

#[test]
fn conditions_of_others_stay() {
    let schema = json!({ "status": { "conditions": [
        { "type": "Dangling", "status": "True" },
        { "type": "Theirs", "status": "True" },
    ] } });
    let told = with(schema, &condition("level", true, ""));
    let conditions = told["status"]["conditions"].as_array().expect("a list");
    let types: Vec<_> = conditions.iter().map(|it| it["type"].clone()).collect();
    assert_eq!(types, ["Theirs", "Dangling"]);
}
