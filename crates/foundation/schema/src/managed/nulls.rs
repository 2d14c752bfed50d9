//! A decoded object with all that Go writes as `null`.
//!
//! Decoded trees leave that out. A configuration is taken as it was written, so where one is laid
//! over an object, the object has to be whole.

use serde_json::{Map, Value};

use super::atom::{Form, Type};
use crate::schema::Shape;

pub(super) fn with_nulls(shape: &Shape, object: &Value) -> Value {
    fill(Type::of(shape), object)
}

fn fill(of: Type<'_>, value: &Value) -> Value {
    match (of.atom().deduce(Some(value)).form(), value) {
        (Form::Map(map), Value::Object(members)) => {
            let one = |(key, value): (&String, &Value)| {
                let filled = map.member(key).map(|of| fill(of, value));
                (key.clone(), filled.unwrap_or_else(|| value.clone()))
            };
            let mut filled: Map<String, Value> = members.iter().map(one).collect();
            for name in map.null_when_unset() {
                if !filled.contains_key(name) {
                    filled.insert(name.to_owned(), Value::Null);
                }
            }
            Value::Object(filled)
        }
        (Form::List(list), Value::Array(items)) => {
            items.iter().map(|item| fill(list.item, item)).collect()
        }
        (_, other) => other.clone(),
    }
}
