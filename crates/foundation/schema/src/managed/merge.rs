//! Lays a configuration over a live object.
//!
//! What the configuration says wins; what it does not mention stays. The order of a list is that of
//! the configuration, with the live list's other items where they stand between.

mod list;

use serde_json::{Map as Members, Value};

use super::atom::{Atom, Form, Map, Type};
use super::element::PathElement;
use super::invalid::Invalid;
use crate::schema::Shape;

pub(super) fn merge(shape: &Shape, live: &Value, configuration: &Value) -> Result<Value, Invalid> {
    let merged = value(Type::of(shape), Some(live), Some(configuration))?;
    Ok(merged.unwrap_or(Value::Null))
}

fn value(
    of: Type<'_>,
    live: Option<&Value>,
    wanted: Option<&Value>,
) -> Result<Option<Value>, Invalid> {
    let atom = of.atom();
    let form = match wanted {
        Some(_) => atom.deduce(wanted),
        None => atom.deduce(live),
    };
    merged(form, live, wanted)
}

fn merged(
    atom: Atom<'_>,
    live: Option<&Value>,
    wanted: Option<&Value>,
) -> Result<Option<Value>, Invalid> {
    match atom.form() {
        Form::List(list) if !list.is_atomic() => {
            let (live, wanted) = (items(live), items(wanted));
            if live.len() + wanted.len() > 0 {
                return list::merge(&list, live, wanted);
            }
        }
        Form::Map(map) if !map.atomic => {
            let (live, wanted) = (members(live), members(wanted));
            if live.is_some() || wanted.is_some() {
                return entries(&map, live, wanted);
            }
        }
        _ => {}
    }
    Ok(wanted.or(live).cloned())
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The entries of a map that has any.
fn members(value: Option<&Value>) -> Option<&Members<String, Value>> {
    value.and_then(Value::as_object).filter(|it| !it.is_empty())
}

fn entries(
    map: &Map<'_>,
    live: Option<&Members<String, Value>>,
    wanted: Option<&Members<String, Value>>,
) -> Result<Option<Value>, Invalid> {
    let mut out = Members::new();
    let mut member = |key: &String, old: Option<&Value>, new: Option<&Value>| {
        let element = PathElement::field(key);
        let Some(of) = map.member(key) else {
            return Err(Invalid::new("field not declared in schema").below(&element));
        };
        if let Some(merged) = value(of, old, new).map_err(|error| error.below(&element))? {
            out.insert(key.clone(), merged);
        }
        Ok(())
    };
    for (key, new) in wanted.into_iter().flatten() {
        member(key, live.and_then(|it| it.get(key)), Some(new))?;
    }
    for (key, old) in live.into_iter().flatten() {
        if wanted.is_none_or(|it| !it.contains_key(key)) {
            member(key, Some(old), None)?;
        }
    }
    Ok((!out.is_empty()).then_some(Value::Object(out)))
}
