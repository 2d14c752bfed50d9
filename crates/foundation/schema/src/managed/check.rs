//! Whether a configuration fits its type.

use std::collections::BTreeSet;

use serde_json::{Map as Members, Value};

use super::atom::{Form, List, Map, Scalar, Type};
use super::element::PathElement;
use super::invalid::Invalid;
use super::list_key;
use crate::schema::Shape;

/// Whether several items of a list may have one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicates {
    Allowed,
    Refused,
}

pub(super) fn check(shape: &Shape, object: &Value, duplicates: Duplicates) -> Result<(), Invalid> {
    value(Type::of(shape), object, duplicates)
}

fn value(of: Type<'_>, value: &Value, duplicates: Duplicates) -> Result<(), Invalid> {
    match (of.atom().deduce(Some(value)).form(), value) {
        (_, Value::Null) => Ok(()),
        (Form::Scalar(wanted), value) => scalar(wanted, value),
        (Form::List(list), Value::Array(found)) => items(&list, found, duplicates),
        (Form::List(_), other) => Err(Invalid::new(format!(
            "expected list, got &{{{}}}",
            shown(other)
        ))),
        (Form::Map(map), Value::Object(found)) => members(&map, found, duplicates),
        (Form::Map(_), other) => Err(Invalid::new(format!(
            "expected map, got &{{{}}}",
            shown(other)
        ))),
    }
}

fn scalar(wanted: Scalar, value: &Value) -> Result<(), Invalid> {
    let fits = match (wanted, value) {
        (Scalar::String, Value::String(_))
        | (Scalar::Numeric, Value::Number(_))
        | (Scalar::Boolean, Value::Bool(_)) => true,
        (Scalar::Untyped, value) => !value.is_array() && !value.is_object(),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(Invalid::new(match wanted {
        Scalar::Numeric => {
            format!("expected numeric (int or float), got {}", go_type(value))
        }
        Scalar::String => format!(
            "expected string, got &value.valueUnstructured{{Value:{}}}",
            go_value(value)
        ),
        Scalar::Boolean => format!("expected boolean, got &{{{}}}", shown(value)),
        Scalar::Untyped => format!("expected any scalar, got &{{{}}}", shown(value)),
    }))
}

fn items(list: &List<'_>, found: &[Value], duplicates: Duplicates) -> Result<(), Invalid> {
    let mut problems = Invalid::default();
    let mut seen = BTreeSet::new();
    for (at, item) in found.iter().enumerate() {
        let key = if list.is_atomic() {
            PathElement::Index(i64::try_from(at).unwrap_or(i64::MAX))
        } else {
            match list_key::of(list, item) {
                Ok(key) => key,
                Err(problem) => {
                    problems.add(Err(Invalid::item(at, &problem)));
                    break;
                }
            }
        };
        if seen.contains(&key) && duplicates == Duplicates::Refused {
            problems.add(Err(Invalid::new(format!(
                "duplicate entries for key {key}"
            ))));
        }
        problems.add(value(list.item, item, duplicates).map_err(|error| error.below(&key)));
        seen.insert(key);
    }
    problems.into_result()
}

fn members(
    map: &Map<'_>,
    found: &Members<String, Value>,
    duplicates: Duplicates,
) -> Result<(), Invalid> {
    let mut problems = Invalid::default();
    for (key, entry) in found {
        let element = PathElement::field(key);
        match map.member(key) {
            Some(of) => {
                let fits = value(of, entry, duplicates);
                problems.add(fits.map_err(|error| error.below(&element)));
            }
            None => {
                let unknown = Invalid::new("field not declared in schema");
                problems.add(Err(unknown.below(&element)));
                // Upstream looks no further in this map.
                break;
            }
        }
    }
    problems.into_result()
}

/// The type that Go's decoder gives a value.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// A value as Go's `%#v` writes it.
fn go_value(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_value).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(members) => {
            let members = members.iter();
            let members: Vec<String> = members
                .map(|(key, value)| format!("{key:?}:{}", go_value(value)))
                .collect();
            format!("map[string]interface {{}}{{{}}}", members.join(", "))
        }
        Value::Null => "interface {}(nil)".to_owned(),
        other => other.to_string(),
    }
}

/// A value as Go's `%v` writes it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let members = members.iter();
            let members: Vec<String> = members
                .map(|(key, value)| format!("{key}:{}", shown(value)))
                .collect();
            format!("map[{}]", members.join(" "))
        }
        other => other.to_string(),
    }
}
