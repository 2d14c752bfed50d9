//! Writes trees as messages: fields by ascending number, values without a pointer always.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::wire;
use crate::duration;
use crate::managed::fields_v1;
use crate::schema::{Field, Node, Schema, Shape, Struct, TypeId};

pub(crate) fn encode(shape: &Shape, value: &Value, out: &mut Vec<u8>) {
    Writer {
        schema: shape.schema(),
    }
    .message(shape.id(), value, out);
}

struct Writer<'a> {
    schema: &'a Schema,
}

impl Writer<'_> {
    /// What is inside a value that is a message.
    fn message(&self, id: TypeId, value: &Value, out: &mut Vec<u8>) {
        match (self.schema.node(id), value) {
            (Node::Struct(it), Value::Object(members)) => self.members(it, members, out),
            (Node::Struct(it), _) => self.members(it, &Map::new(), out),
            (Node::OneOf(it), value) => self.one_of(it, value, out),
            (Node::Quantity, value) => {
                let text = value.as_str().unwrap_or("0");
                wire::bytes(1, text.as_bytes(), out);
            }
            (Node::FieldsV1, value) if !value.is_null() => {
                let mut raw = Vec::new();
                fields_v1::write(value, &mut raw);
                wire::bytes(1, &raw, out);
            }
            (Node::Raw, value) if !value.is_null() => {
                let raw = serde_json::to_vec(value).unwrap_or_default();
                wire::bytes(1, &raw, out);
            }
            (Node::Time | Node::MicroTime, Value::String(text)) => time(text, out),
            (Node::Duration, value) => {
                let nanos = value.as_str().and_then(duration::parse).unwrap_or(0);
                wire::number(1, nanos, out);
            }
            (Node::IntOrString, value) => {
                let text = value.as_str();
                wire::number(1, i64::from(text.is_some()), out);
                wire::number(2, value.as_i64().unwrap_or(0), out);
                wire::bytes(3, text.unwrap_or_default().as_bytes(), out);
            }
            (Node::List { item, .. }, Value::Array(items)) => {
                for one in items {
                    self.value(1, *item, one, out);
                }
            }
            _ => {}
        }
    }

    fn members(&self, it: &Struct, members: &Map<String, Value>, out: &mut Vec<u8>) {
        for place in &*it.by_number {
            let field = &it.fields[usize::from(*place)];
            let node = self.schema.node(field.node);
            if let (true, Node::Struct(inline)) = (field.inline, node) {
                wire::message(field.number, out, |out| self.members(inline, members, out));
                continue;
            }
            if field.hidden {
                continue;
            }
            let value = members.get(field.json.as_ref()).unwrap_or(&Value::Null);
            self.field(field, node, value, out);
        }
    }

    fn field(&self, field: &Field, node: &Node, value: &Value, out: &mut Vec<u8>) {
        match (node, value) {
            (Node::List { .. } | Node::Map { .. } | Node::Bytes | Node::Any, Value::Null) => {}
            (_, Value::Null) if field.pointer => {}
            (
                Node::List {
                    item,
                    wrapped: false,
                },
                Value::Array(items),
            ) => {
                for one in items {
                    self.value(field.number, *item, one, out);
                }
            }
            (Node::Map { value: id }, Value::Object(entries)) => {
                let mut sorted: Vec<(&String, &Value)> = entries.iter().collect();
                sorted.sort_by_key(|(key, _)| *key);
                for (key, value) in sorted {
                    wire::message(field.number, out, |out| {
                        wire::bytes(1, key.as_bytes(), out);
                        self.value(2, *id, value, out);
                    });
                }
            }
            (_, value) => self.value(field.number, field.node, value, out),
        }
    }

    fn value(&self, number: u32, id: TypeId, value: &Value, out: &mut Vec<u8>) {
        match self.schema.node(id) {
            Node::String => {
                wire::bytes(number, value.as_str().unwrap_or_default().as_bytes(), out);
            }
            Node::Bytes => {
                let text = value.as_str().unwrap_or_default();
                let bytes = STANDARD.decode(text).unwrap_or_default();
                wire::bytes(number, &bytes, out);
            }
            Node::Bool => wire::number(number, i64::from(value == &Value::Bool(true)), out),
            Node::Int(_) => {
                let unsigned = || value.as_u64().map(u64::cast_signed);
                wire::number(number, value.as_i64().or_else(unsigned).unwrap_or(0), out);
            }
            Node::Float => wire::float(number, value.as_f64().unwrap_or(0.0), out),
            Node::Any => {}
            _ => wire::message(number, out, |out| self.message(id, value, out)),
        }
    }

    fn one_of(&self, it: &Struct, value: &Value, out: &mut Vec<u8>) {
        for field in &it.fields {
            let node = self.schema.node(field.node);
            match (field.go.as_ref(), value) {
                ("Allows", value) => {
                    wire::number(field.number, i64::from(value != &Value::Bool(false)), out);
                }
                ("Schema", Value::Object(_)) | ("JSONSchemas" | "Property", Value::Array(_)) => {
                    self.field(field, node, value, out);
                }
                _ => {}
            }
        }
    }
}

fn time(text: &str, out: &mut Vec<u8>) {
    let Some(at) = styr_meta::time::parse(text) else {
        return;
    };
    wire::number(1, at.as_second(), out);
    wire::number(2, i64::from(at.subsec_nanosecond()), out);
}
