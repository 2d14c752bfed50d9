//! Small steps on trees that rules share.

use serde_json::{Map, Value};

static NULL: Value = Value::Null;

/// The value at a path such as `.spec.nodeName`; null if it is not there.
pub fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    let mut at = object;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        at = at.get(name).unwrap_or(&NULL);
    }
    at
}

/// The text at a path; empty if it is not there.
pub fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).as_str().unwrap_or_default()
}

/// The number at a path; 0 if it is not there.
pub fn number(object: &Value, path: &str) -> i64 {
    at(object, path).as_i64().unwrap_or(0)
}

/// Whether the value at a path is `true`.
pub fn is_true(object: &Value, path: &str) -> bool {
    at(object, path) == &Value::Bool(true)
}

/// The items of the list at a path.
pub fn items<'a>(object: &'a Value, path: &str) -> &'a [Value] {
    at(object, path).as_array().map_or(&[], Vec::as_slice)
}

/// The items of the list at a path, to be changed.
pub fn items_mut<'a>(object: &'a mut Value, path: &str) -> &'a mut [Value] {
    let mut at = object;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        match at.get_mut(name) {
            Some(found) => at = found,
            None => return &mut [],
        }
    }
    at.as_array_mut().map_or(&mut [], Vec::as_mut_slice)
}

/// The object at a member, made if it is not there.
pub fn object_mut<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let member = &mut object[name];
    if !member.is_object() {
        *member = Value::Object(Map::new());
    }
    member
}

/// Whether nothing was said: absent, empty, zero or false.
pub fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    }
}

/// Sets a member that is absent (or null).
pub fn set_default(object: &mut Value, name: &str, value: impl Into<Value>) {
    if object.get(name).is_none_or(Value::is_null) {
        object[name] = value.into();
    }
}

/// Sets a text or number without a pointer that is absent or zero.
pub fn set_if_zero(object: &mut Value, name: &str, value: impl Into<Value>) {
    if object.get(name).is_none_or(is_unset) {
        object[name] = value.into();
    }
}

/// Removes a member.
pub fn remove(object: &mut Value, name: &str) {
    if let Some(members) = object.as_object_mut() {
        members.remove(name);
    }
}

/// Makes a member what it is in another object.
pub fn copy(object: &mut Value, from: &Value, name: &str) {
    match from.get(name) {
        Some(value) if !value.is_null() => object[name] = value.clone(),
        _ => remove(object, name),
    }
}

/// Copies what is at a path to a member of a member, if it is there.
pub fn copy_at(object: &mut Value, path: &str, (outer, name): (&str, &str)) {
    let value = at(object, path).clone();
    if !value.is_null() {
        object_mut(object, outer)[name] = value;
    }
}

/// Whether two trees mean the same: null and empty lists are as good as absent.
pub fn same(a: &Value, b: &Value) -> bool {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.iter()
                .all(|(key, value)| same(value, b.get(key).unwrap_or(&NULL)))
                && b.iter()
                    .all(|(key, value)| a.contains_key(key) || is_nothing(value))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b || is_nothing(a) && is_nothing(b),
    }
}
