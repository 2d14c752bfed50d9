//! An object without some of its fields, or with only those.

use serde_json::{Map as Members, Value};

use super::atom::{Form, List, Map, Type};
use super::element::PathElement;
use super::field_set::{FieldSet, Node};
use super::list_key;
use crate::schema::Shape;

/// Takes fields out of an object. What nothing is left of becomes `null`.
pub(super) fn remove(shape: &Shape, object: &Value, gone: &FieldSet) -> Value {
    walk(Some(Type::of(shape)), object, gone, Mode::Remove)
}

/// Takes an object down to some fields.
pub(super) fn extract(shape: &Shape, object: &Value, kept: &FieldSet) -> Value {
    walk(Some(Type::of(shape)), object, kept, Mode::Extract)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Remove,
    Extract,
}

impl Mode {
    /// What becomes of a value that cannot be taken apart.
    fn whole(self, value: &Value) -> Value {
        match self {
            Self::Remove => Value::Null,
            Self::Extract => value.clone(),
        }
    }
}

fn walk(of: Option<Type<'_>>, value: &Value, set: &FieldSet, mode: Mode) -> Value {
    let Some(of) = of else {
        return Value::Null;
    };
    match (of.atom().deduce(Some(value)).form(), value) {
        (Form::Scalar(_), value) => value.clone(),
        (Form::List(list), Value::Array(found)) if !list.is_atomic() && !found.is_empty() => {
            items(&list, found, set, mode)
        }
        (Form::Map(map), Value::Object(found)) if !map.atomic && !found.is_empty() => {
            members(&map, found, set, mode)
        }
        (Form::List(_), Value::Array(_)) | (Form::Map(_), Value::Object(_)) => mode.whole(value),
        _ => Value::Null,
    }
}

fn items(list: &List<'_>, found: &[Value], set: &FieldSet, mode: Mode) -> Value {
    let mut out = Vec::with_capacity(found.len());
    for item in found {
        let key = list_key::of(list, item).ok();
        let node = key.and_then(|key| set.get(&key));
        let below = node.filter(|node| !node.children.is_empty());
        let exact = node.is_some_and(|node| node.member);
        let kept = match mode {
            Mode::Remove => !exact,
            Mode::Extract => exact || below.is_some(),
        };
        if kept {
            out.push(match below {
                Some(node) => walk(Some(list.item), item, &node.children, mode),
                None => item.clone(),
            });
        }
    }
    if out.is_empty() {
        Value::Null
    } else {
        Value::Array(out)
    }
}

fn members(map: &Map<'_>, found: &Members<String, Value>, set: &FieldSet, mode: Mode) -> Value {
    let mut out = Members::new();
    for (key, value) in found {
        let node = set.get(&PathElement::field(key));
        let of = map.member(key);
        let kept = match (node, mode) {
            (Some(Node { member: true, .. }), Mode::Remove) | (None, Mode::Extract) => continue,
            // As upstream: below a member the whole set is looked at again.
            (Some(Node { member: true, .. }), Mode::Extract) => walk(of, value, set, mode),
            (Some(node), _) => walk(of, value, &node.children, mode),
            (None, Mode::Remove) => value.clone(),
        };
        out.insert(key.clone(), kept);
    }
    if out.is_empty() {
        Value::Null
    } else {
        Value::Object(out)
    }
}
