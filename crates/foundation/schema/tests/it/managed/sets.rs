//! Sets of paths, and how they are written.

use serde_json::{Value, json};
use styr_schema::managed::{FieldSet, PathElement};

fn set(json: &str) -> FieldSet {
    FieldSet::from_json(json.as_bytes()).unwrap()
}

fn text(set: &FieldSet) -> String {
    String::from_utf8(set.to_json()).unwrap()
}

#[test]
fn a_set_is_written_back_as_it_was() {
    for json in [
        r#"{}"#,
        r#"{"f:aaa":{},"f:aab":{}}"#,
        r#"{"f:spec":{".":{},"f:a":{},"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{}},"k:{\"containerPort\":443,\"protocol\":\"TCP\"}":{}}}}"#,
        r#"{"f:a":{},"k:{\"name\":\"a\"}":{},"v:1":{},"v:2":{},"v:\"x\"":{},"v:true":{},"i:1":{},"i:10":{}}"#,
        r#"{"v:\"a\\u003cb\"":{}}"#,
    ] {
        assert_eq!(text(&set(json)), json);
    }
}

#[test]
fn paths_are_sorted_as_upstream_sorts_them() {
    let mixed = r#"{"i:0":{},"v:true":{},"v:\"b\"":{},"v:10":{},"v:9":{},"k:{\"n\":10}":{},"k:{\"n\":9}":{},"k:{\"m\":1,\"n\":2}":{},"f:b":{},"f:a":{}}"#;
    assert_eq!(
        text(&set(mixed)),
        r#"{"f:a":{},"f:b":{},"k:{\"m\":1,\"n\":2}":{},"k:{\"n\":9}":{},"k:{\"n\":10}":{},"v:9":{},"v:10":{},"v:\"b\"":{},"v:true":{},"i:0":{}}"#
    );
}

#[test]
fn the_order_of_an_object_is_that_of_its_set() {
    let tree = json!({"metadata": {"managedFields": [{"fieldsV1":
        {"k:{\"n\":10}": {}, "k:{\"n\":9}": {}, "f:a": {}}}]}});
    let shape = styr_schema::Schema::builtin()
        .shape_of("v1", "ConfigMap")
        .unwrap();
    let mut out = Vec::new();
    shape.encode_json(&tree, &mut out);
    let out = String::from_utf8(out).unwrap();
    let wanted = r#""fieldsV1":{"f:a":{},"k:{\"n\":9}":{},"k:{\"n\":10}":{}}"#;
    assert!(out.contains(wanted), "{out}");
}

#[test]
fn what_is_not_understood_is_dropped() {
    assert_eq!(
        text(&set(r#"{"x:a":{"f:b":{}},"f:a":{}}"#)),
        r#"{"f:a":{}}"#
    );
    assert_eq!(
        text(&set(r#"{"f:a":null,"f:b":{".":{}}}"#)),
        r#"{"f:a":{},"f:b":{}}"#
    );
}

#[test]
fn what_is_broken_is_refused() {
    for broken in [
        "",
        "[]",
        r#"{"f":{}}"#,
        r#"{"fa":{}}"#,
        r#"{"k:[]":{}}"#,
        r#"{"k:{} x":{}}"#,
        r#"{"v:x":{}}"#,
        r#"{"i:x":{}}"#,
        r#"{"f:a":1}"#,
        r#"{"f:a":{}} x"#,
    ] {
        assert!(FieldSet::from_json(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn depth_has_a_limit() {
    let mut tree = json!({});
    for _ in 0..300 {
        tree = json!({ "f:a": tree });
    }
    let error = FieldSet::from_value(&tree).unwrap_err();
    assert!(error.to_string().contains("256 levels"), "{error}");
}

#[test]
fn members_and_what_is_below_them_are_apart() {
    let all = set(r#"{"f:a":{".":{},"f:b":{},"f:c":{}},"f:d":{}}"#);
    let some = set(r#"{"f:a":{".":{},"f:b":{}}}"#);
    assert_eq!(text(&all.intersection(&some)), text(&some));
    assert_eq!(
        text(&all.clone().difference(&some)),
        r#"{"f:a":{"f:c":{}},"f:d":{}}"#
    );
    assert_eq!(
        text(&all.clone().recursive_difference(&some)),
        r#"{"f:d":{}}"#
    );
    assert_eq!(
        text(&all.clone().leaves()),
        r#"{"f:a":{"f:b":{},"f:c":{}},"f:d":{}}"#
    );
    assert_eq!(all.len(), 4);
    let union = set(r#"{"f:a":{"f:z":{}}}"#).union(some);
    assert_eq!(text(&union), r#"{"f:a":{".":{},"f:b":{},"f:z":{}}}"#);
}

#[test]
fn members_come_before_what_is_below() {
    let set = set(r#"{"f:a":{"f:b":{}},"f:c":{},"k:{\"name\":\"x\"}":{".":{},"v:1":{}}}"#);
    let mut paths = Vec::new();
    set.for_each(|path| paths.push(path.iter().map(ToString::to_string).collect::<String>()));
    assert_eq!(paths, [".c", "[name=\"x\"]", ".a.b", "[name=\"x\"][=1]"]);
    let path = [PathElement::field("a"), PathElement::field("b")];
    assert!(set.contains(&path) && !set.contains(&path[..1]));
}

#[test]
fn whole_numbers_and_fractions_are_one_key() {
    let set = set(r#"{"v:1":{}}"#);
    assert!(set.contains(&[PathElement::Value(Value::from(1.0))]));
}
