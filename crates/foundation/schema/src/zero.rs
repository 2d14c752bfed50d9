//! Zero values: which value a type has when nothing was said, and whether a value is that.

use serde_json::{Map, Value};

use crate::schema::{Node, Schema, TypeId};

/// The zero value that is written for a type; nothing if it is `null`.
pub(crate) fn of(schema: &Schema, id: TypeId) -> Option<Value> {
    match schema.node(id) {
        Node::String => Some(Value::String(String::new())),
        Node::Bool => Some(Value::Bool(false)),
        Node::Int(_) | Node::IntOrString | Node::Float => Some(Value::from(0)),
        Node::Quantity => Some(Value::from("0")),
        Node::Duration => Some(Value::from("0s")),
        Node::Struct(it) => {
            let mut map = Map::new();
            for field in &*it.flat {
                if field.is_always_there(schema.node(field.node))
                    && let Some(zero) = of(schema, field.node)
                {
                    map.insert(field.json.to_string(), zero);
                }
            }
            Some(Value::Object(map))
        }
        _ => None,
    }
}

/// Whether a value of a type is what Go's `omitempty` (or `omitzero`) leaves out.
pub(crate) fn is(node: &Node, value: &Value) -> bool {
    match (node, value) {
        (Node::Struct(_), Value::Object(members)) => members.values().all(is_plain),
        (_, value) => is_plain(value),
    }
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Adds the fields that Go always writes, and removes those that it never would.
pub(crate) fn normalize(schema: &Schema, id: TypeId, map: &mut Map<String, Value>) {
    let Some(it) = schema.node(id).as_struct() else {
        return;
    };
    for field in &*it.flat {
        let node = schema.node(field.node);
        if !field.pointer
            && !map.contains_key(field.json.as_ref())
            && field.is_always_there(node)
            && let Some(zero) = of(schema, field.node)
        {
            map.insert(field.json.to_string(), zero);
        }
    }
}
