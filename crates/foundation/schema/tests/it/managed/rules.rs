//! Rules of ownership, each with the smallest object that shows it.

#![expect(
    clippy::needless_pass_by_value,
    reason = "documents are written where they are used"
)]

use serde_json::{Value, json};
use styr_schema::managed::{
    self, ApplyError, Context, FieldSet, Force, OneVersion, Versioned, Versions,
};
use styr_schema::{Schema, Shape, Strictness};

const NOW: &str = "2026-01-01T00:00:00Z";

fn with<T>(api_version: &str, versions: &dyn Versions, run: impl FnOnce(&Context<'_>) -> T) -> T {
    let shape = config_map();
    let nothing = FieldSet::new();
    run(&Context {
        shape: &shape,
        api_version,
        kind: "ConfigMap",
        subresource: "",
        reset: &nothing,
        now: NOW,
        versions,
    })
}

fn config_map() -> Shape {
    Schema::builtin().shape_of("v1", "ConfigMap").unwrap()
}

fn object(finalizers: &[&str]) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "x", "uid": "u", "finalizers": finalizers}})
}

fn merged(live: &[&str], wanted: &[&str]) -> Vec<String> {
    let applied = with("v1", &OneVersion, |context| {
        managed::apply(
            context,
            Some(&object(live)),
            &object(wanted),
            ("m", Force::Yes),
        )
    });
    let finalizers = applied.unwrap()["metadata"]["finalizers"].take();
    serde_json::from_value(finalizers).unwrap()
}

#[test]
fn a_list_comes_in_the_order_that_is_applied() {
    let cases = [
        ("a b c", "a b", "a b c"),
        ("a b", "a b c", "a b c"),
        ("a b", "b a", "b a"),
        ("a b c", "d e f", "a b c d e f"),
        ("a b c", "c d e f", "a b c d e f"),
        ("a b c g f", "c d e f", "a b c g d e f"),
        ("c d e f", "a c e", "a c d e f"),
        ("a b c x y z", "d e f", "a b c x y z d e f"),
        ("a b c x y z", "d e f x y z", "a b c d e f x y z"),
        ("c a g f", "c f a g", "c f a g"),
        ("a b c d", "d e f a", "b c d e f a"),
        (
            "c d e f g h i j",
            "2 h 3 e 4 k l",
            "c d f g 2 h i j 3 e 4 k l",
        ),
        (
            "a b c d e f g h i j",
            "1 b 2 h 3 e 4 k l",
            "a 1 b c d f g 2 h i j 3 e 4 k l",
        ),
    ];
    for (live, wanted, out) in cases {
        let words = |text: &'static str| text.split(' ').collect::<Vec<_>>();
        assert_eq!(
            merged(&words(live), &words(wanted)),
            words(out),
            "{live} + {wanted}"
        );
    }
}

fn owned_by(manager: &str, operation: &str, api_version: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": api_version,
        "fieldsType": "FieldsV1", "fieldsV1": fields, "time": NOW})
}

fn data(value: &str, entries: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": value},
        "metadata": {"name": "x", "uid": "u", "managedFields": entries}})
}

fn managers(object: &Value) -> Vec<(String, String)> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let entries = object["metadata"]["managedFields"].as_array();
    let entries = entries.map_or(&[][..], Vec::as_slice).iter();
    entries
        .map(|it| (text(it, "manager"), text(it, "apiVersion")))
        .collect()
}

/// Knows `v2`, which calls `data` as `v1` does; `v0` is gone.
struct TwoVersions;

impl Versions for TwoVersions {
    fn convert(&self, object: &Value, api_version: &str) -> Result<Option<Versioned>, String> {
        if api_version == "v0" {
            return Ok(None);
        }
        let mut value = object.clone();
        value["apiVersion"] = api_version.into();
        let shape = config_map();
        Ok(Some(Versioned { shape, value }))
    }
}

#[test]
fn fields_of_another_version_are_lost_by_a_change_as_well() {
    let entries = json!([
        owned_by("gone", "Update", "v0", json!({"f:data": {"f:z": {}}})),
        owned_by(
            "later",
            "Update",
            "v2",
            json!({"f:data": {".": {}, "f:a": {}}})
        ),
    ]);
    let live = data("1", entries);
    let mut new = data("2", Value::Null);
    with("v1", &TwoVersions, |context| {
        managed::update(context, Some(&live), &mut new, "m");
    });
    let names = |name: &str, version: &str| (name.to_owned(), version.to_owned());
    assert_eq!(managers(&new), [names("later", "v2"), names("m", "v1")]);
    let later = &new["metadata"]["managedFields"][0]["fieldsV1"];
    assert_eq!(later, &json!({"f:data": {}}));
}

#[test]
fn what_another_version_applied_is_pruned() {
    let entries = json!([owned_by("m", "Apply", "v2", json!({"f:data": {"f:a": {}}}))]);
    let live = data("1", entries);
    let wanted = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"},
        "data": {"b": "2"}});
    let applied = with("v1", &TwoVersions, |context| {
        managed::apply(context, Some(&live), &wanted, ("m", Force::No))
    });
    let applied = applied.unwrap();
    assert_eq!(applied["data"], json!({"b": "2"}));
    assert_eq!(managers(&applied), [("m".to_owned(), "v1".to_owned())]);
}

#[test]
fn a_conflict_in_another_version_names_it() {
    let entries = json!([owned_by(
        "n",
        "Update",
        "v2",
        json!({"f:data": {"f:a": {}}})
    )]);
    let live = data("1", entries);
    let wanted = data("2", Value::Null);
    let error = with("v1", &TwoVersions, |context| {
        managed::apply(context, Some(&live), &wanted, ("m", Force::No)).unwrap_err()
    });
    assert!(matches!(error, ApplyError::Conflicts(_)));
    let text = r#"Apply failed with 1 conflict: conflict with "n" using v2: .data.a"#;
    assert_eq!(error.to_string(), text);
}

#[test]
fn broken_entries_stay_out_of_the_way_of_updates_but_not_of_applies() {
    let live = data("1", json!([{"manager": "x", "operation": "Other"}]));
    let mut new = data("2", Value::Null);
    with("v1", &OneVersion, |context| {
        managed::update(context, Some(&live), &mut new, "m");
        assert!(new["metadata"].get("managedFields").is_none());
        let error = managed::apply(
            context,
            Some(&live),
            &data("3", Value::Null),
            ("m", Force::No),
        );
        let text = "failed to decode managed fields: operation must be `Apply` or `Update`";
        assert_eq!(error.unwrap_err().to_string(), text);
    });
}

#[test]
fn an_object_is_taken_down_to_what_a_manager_owns() {
    let shape = Schema::builtin().shape_of("v1", "Pod").unwrap();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [
        {"name": "a", "image": "x", "env": [{"name": "E", "value": "1"}]}, {"name": "b"}]}});
    let owned = json!({"f:spec": {"f:containers": {"k:{\"name\":\"a\"}":
        {".": {}, "f:name": {}, "f:image": {}}}}});
    let owned = FieldSet::from_value(&owned).unwrap();
    let wanted = json!({"spec": {"containers": [{"name": "a", "image": "x"}]}});
    assert_eq!(managed::extract(&shape, &pod, &owned), wanted);
}

#[test]
fn what_became_owned_as_a_whole_is_owned_as_a_whole() {
    let shape = Schema::builtin().shape_of("v1", "Pod").unwrap();
    let entries = json!([owned_by(
        "n",
        "Apply",
        "v1",
        json!({"f:spec": {"f:nodeSelector": {".": {}, "f:a": {}}}})
    )]);
    let live = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "uid": "u",
        "managedFields": entries}, "spec": {"nodeSelector": {"a": "1"}}});
    let live = shape.check(live, Strictness::Ignore).unwrap().value;
    let mut new = live.clone();
    new["spec"]["hostname"] = "h".into();
    let nothing = FieldSet::new();
    let context = Context {
        shape: &shape,
        api_version: "v1",
        kind: "Pod",
        subresource: "",
        reset: &nothing,
        now: NOW,
        versions: &OneVersion,
    };
    managed::update(&context, Some(&live), &mut new, "m");
    let fields = &new["metadata"]["managedFields"][0]["fieldsV1"];
    assert_eq!(fields, &json!({"f:spec": {"f:nodeSelector": {}}}));
}
