//! Writes JSON as Go's encoder does: fields in Go's order, keys of maps sorted, HTML escaped.

mod scalar;

use serde_json::{Map, Value};

use crate::managed::fields_v1;
use crate::schema::{Node, Schema, Shape, Struct, TypeId};
use crate::zero;
pub(crate) use scalar::string;

pub(crate) fn json(shape: &Shape, value: &Value, out: &mut Vec<u8>) {
    write(shape.schema(), shape.id(), value, out);
}

fn write(schema: &Schema, id: TypeId, value: &Value, out: &mut Vec<u8>) {
    match (schema.node(id), value) {
        (Node::Struct(it), Value::Object(members)) => structure(schema, it, members, out),
        (Node::OneOf(it), value) => one_of(schema, it, value, out),
        (Node::Map { value: id }, Value::Object(entries)) => {
            map(entries, out, |value, out| write(schema, *id, value, out));
        }
        (Node::List { item, .. }, Value::Array(items)) => {
            list(items, out, |value, out| write(schema, *item, value, out));
        }
        (Node::FieldsV1, value @ Value::Object(_)) => fields_v1::write(value, out),
        (_, Value::Null) => match zero::of(schema, id) {
            // Inside a list or map, nothing stands for the zero value.
            Some(zero) => write(schema, id, &zero, out),
            None => out.extend_from_slice(b"null"),
        },
        (_, value) => any(value, out),
    }
}

fn structure(schema: &Schema, it: &Struct, members: &Map<String, Value>, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    for field in &*it.flat {
        let node = schema.node(field.node);
        let value = members
            .get(field.json.as_ref())
            .filter(|value| !value.is_null());
        let omitted = match value {
            None => {
                (field.pointer && field.omit_empty)
                    || !field.pointer && field.is_omitted_when_zero(node)
            }
            Some(value) => {
                !field.pointer && field.is_omitted_when_zero(node) && zero::is(node, value)
            }
        };
        if omitted {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        out.push(b'"');
        out.extend_from_slice(field.json.as_bytes());
        out.extend_from_slice(b"\":");
        match value {
            Some(value) => write(schema, field.node, value, out),
            None if field.pointer => out.extend_from_slice(b"null"),
            None => write(schema, field.node, &Value::Null, out),
        }
    }
    out.push(b'}');
}

fn one_of(schema: &Schema, it: &Struct, value: &Value, out: &mut Vec<u8>) {
    let form = |name: &str| it.fields.iter().find(|field| field.go == name);
    let target = match value {
        Value::Object(_) => form("Schema"),
        Value::Array(_) => form("JSONSchemas").or_else(|| form("Property")),
        _ => None,
    };
    match target {
        Some(field) => write(schema, field.node, value, out),
        None => any(value, out),
    }
}

pub(crate) fn map(
    entries: &Map<String, Value>,
    out: &mut Vec<u8>,
    write: impl Fn(&Value, &mut Vec<u8>),
) {
    let mut sorted: Vec<(&String, &Value)> = entries.iter().collect();
    if !sorted.is_sorted_by_key(|(key, _)| *key) {
        sorted.sort_by_key(|(key, _)| *key);
    }
    pairs(sorted.into_iter(), out, write);
}

/// A map whose entries come in their order.
pub(crate) fn pairs<'a>(
    entries: impl Iterator<Item = (&'a String, &'a Value)>,
    out: &mut Vec<u8>,
    write: impl Fn(&Value, &mut Vec<u8>),
) {
    out.push(b'{');
    for (index, (key, value)) in entries.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(key, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

fn list(items: &[Value], out: &mut Vec<u8>, write: impl Fn(&Value, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// A value without a type.
pub(crate) fn any(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => scalar::number(number, out),
        Value::String(text) => string(text, out),
        Value::Array(items) => list(items, out, any),
        Value::Object(entries) => map(entries, out, any),
    }
}
