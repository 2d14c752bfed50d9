//! Types that are made at run time.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Context, FieldSet, Force, OneVersion, apply, field_set};
use crate::schema::{Builder, Field, ListType, Node, PatchStrategy, Shape, Struct, Text};

const PACKAGE: &str = "example.v1";

struct Column(
    &'static str,
    &'static str,
    ListType,
    &'static [&'static str],
);

fn plain(name: &'static str, of: &'static str) -> Column {
    Column(name, of, ListType::Atomic, &[])
}

fn define(builder: &mut Builder, name: &'static str, columns: Vec<Column>) {
    let full = format!("{PACKAGE}.{name}");
    let id = builder.named(&full);
    let field = |Column(json, of, list_type, keys): Column, builder: &mut Builder| Field {
        json: Text::Borrowed(json),
        go: Text::Borrowed(json),
        node: builder.composed(of, PACKAGE, false),
        number: 0,
        pointer: false,
        omit_empty: true,
        omit_zero: true,
        inline: false,
        required: false,
        hidden: false,
        atomic_map: json == "whole",
        granular: false,
        alias: Text::default(),
        list_type,
        list_keys: keys.iter().map(|key| Text::Borrowed(*key)).collect(),
        patch: PatchStrategy::default(),
        merge_key: Text::default(),
        default: None,
    };
    let fields: Vec<Arc<Field>> = columns
        .into_iter()
        .map(|it| Arc::new(field(it, builder)))
        .collect();
    let it = Struct {
        name: Text::Owned(full),
        fields,
        ..Struct::default()
    };
    builder.define(id, Node::Struct(it));
}

fn thing() -> Shape {
    let mut builder = Builder::default();
    let item = vec![
        plain("a", "string"),
        plain("b", "int64"),
        plain("text", "string"),
    ];
    define(&mut builder, "Item", item);
    let thing = vec![
        plain("apiVersion", "string"),
        plain("kind", "string"),
        plain("metadata", "any"),
        Column("items", "list<.Item>", ListType::Map, &["a", "b"]),
        Column("tags", "list<string>", ListType::Set, &[]),
        plain("whole", "map<string>"),
        plain("free", "any"),
    ];
    define(&mut builder, "Thing", thing);
    Arc::new(builder.finish())
        .shape("example.v1.Thing")
        .unwrap()
}

fn check_set(object: &Value, wanted: &Value) {
    assert_eq!(field_set(&thing(), object).to_value(), *wanted);
}

fn applied(live: Value, wanted: Value) -> Result<Value, String> {
    let shape = thing();
    let nothing = FieldSet::new();
    let context = Context {
        shape: &shape,
        api_version: "example/v1",
        kind: "Thing",
        subresource: "",
        reset: &nothing,
        now: "2026-01-01T00:00:00Z",
        versions: &OneVersion,
    };
    let whole = |mut object: Value| {
        object["apiVersion"] = "example/v1".into();
        object["kind"] = "Thing".into();
        object["metadata"] = json!({"name": "x"});
        object
    };
    let (live, wanted) = (whole(live), whole(wanted));
    let applied = apply(&context, Some(&live), &wanted, ("m", Force::Yes));
    let mut applied = applied.map_err(|error| error.to_string())?;
    for name in ["apiVersion", "kind", "metadata"] {
        applied.as_object_mut().unwrap().remove(name);
    }
    Ok(applied)
}

#[test]
fn every_sort_of_field_has_its_paths() {
    check_set(
        &json!({"items": [{"a": "x", "b": 1, "text": "t"}, {"a": "x"}], "tags": ["p", "q"],
            "whole": {"k": "v"}, "free": {"map": {"k": 1}, "list": [1, 2]}}),
        &json!({
            "f:items": {"k:{\"a\":\"x\"}": {".": {}, "f:a": {}},
                "k:{\"a\":\"x\",\"b\":1}": {".": {}, "f:a": {}, "f:b": {}, "f:text": {}}},
            "f:tags": {"v:\"p\"": {}, "v:\"q\"": {}},
            "f:whole": {},
            "f:free": {"f:map": {".": {}, "f:k": {}}, "f:list": {}},
        }),
    );
}

#[test]
fn items_without_a_key_are_others_than_those_with_it() {
    let merged = applied(
        json!({"items": [{"a": "x", "b": 1, "text": "old"}]}),
        json!({"items": [{"a": "x", "text": "new"}]}),
    );
    let wanted = json!([{"a": "x", "b": 1, "text": "old"}, {"a": "x", "text": "new"}]);
    assert_eq!(merged.unwrap()["items"], wanted);
}

#[test]
fn an_item_without_any_key_is_refused() {
    let error = applied(json!({}), json!({"items": [{"text": "t"}]})).unwrap_err();
    let text = "element 0: associative list with keys has an element that omits all key fields \
                [\"a\" \"b\"] (and doesn't have default values for any key fields)";
    assert!(error.ends_with(text), "{error}");
}

#[test]
fn untyped_maps_are_merged_and_untyped_lists_replaced() {
    let merged = applied(
        json!({"free": {"map": {"a": 1, "b": {"c": 1}}, "list": [1]}, "whole": {"a": "1"}}),
        json!({"free": {"map": {"b": {"d": 2}}, "list": [2]}, "whole": {"b": "2"}}),
    );
    let wanted = json!({"free": {"map": {"a": 1, "b": {"c": 1, "d": 2}}, "list": [2]},
        "whole": {"b": "2"}});
    assert_eq!(merged.unwrap(), wanted);
}

#[test]
fn an_untyped_value_may_change_its_form() {
    let merged = applied(json!({"free": {"a": 1}}), json!({"free": {"a": {"b": []}}}));
    assert_eq!(merged.unwrap(), json!({"free": {"a": {"b": []}}}));
}
