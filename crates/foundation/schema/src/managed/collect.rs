//! The fields that an object has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map as Members, Value};

use super::atom::{Form, List, Map, Type};
use super::element::PathElement;
use super::field_set::FieldSet;
use super::list_key;
use crate::schema::Shape;

pub(super) fn field_set(shape: &Shape, object: &Value) -> FieldSet {
    let mut set = FieldSet::new();
    if let Form::Map(map) = Type::of(shape).atom().deduce(Some(object)).form()
        && let Some(found) = object.as_object()
    {
        set = members(&map, found);
    }
    set
}

/// What is below a value, and whether the value is a member itself.
fn value(of: Option<Type<'_>>, value: &Value) -> (FieldSet, bool) {
    let Some(of) = of else {
        return (FieldSet::new(), true);
    };
    match of.atom().deduce(Some(value)).form() {
        Form::Scalar(_) => (FieldSet::new(), true),
        Form::List(list) => match value {
            _ if list.is_atomic() => (FieldSet::new(), true),
            Value::Array(found) => (items(&list, found), false),
            _ => (FieldSet::new(), false),
        },
        Form::Map(map) => match value {
            _ if map.atomic => (FieldSet::new(), true),
            Value::Object(found) => (members(&map, found), false),
            _ => (FieldSet::new(), false),
        },
    }
}

fn members(map: &Map<'_>, found: &Members<String, Value>) -> FieldSet {
    let mut set = FieldSet::new();
    for (key, entry) in found {
        let (below, member) = value(map.member(key), entry);
        let is_empty = entry.is_null() || entry.as_object().is_some_and(Members::is_empty);
        add(
            &mut set,
            &PathElement::field(key),
            below,
            member || is_empty || map.field(key).is_none(),
        );
    }
    set
}

fn items(list: &List<'_>, found: &[Value]) -> FieldSet {
    let keyed = |item| list_key::of(list, item).ok().map(|key| (key, item));
    let keyed: Vec<(PathElement, &Value)> = found.iter().filter_map(keyed).collect();
    let mut seen: BTreeMap<&PathElement, usize> = BTreeMap::new();
    for (key, _) in &keyed {
        *seen.entry(key).or_default() += 1;
    }
    // Of several items with one key nothing can be told apart.
    let several: BTreeSet<&PathElement> = seen
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(key, _)| key)
        .collect();
    let mut set = FieldSet::new();
    for (key, item) in &keyed {
        let below = match several.contains(key) {
            true => FieldSet::new(),
            false => value(Some(list.item), item).0,
        };
        add(&mut set, key, below, true);
    }
    set
}

fn add(set: &mut FieldSet, element: &PathElement, below: FieldSet, member: bool) {
    if member || !below.is_empty() {
        let node = set.node(element);
        node.member |= member;
        node.children = below;
    }
}

/// The set with the fields of structs that it goes through as members: what removes all that is
/// below a field removes the field.
pub(super) fn with_named(set: &FieldSet, shape: &Shape) -> FieldSet {
    named(set, Some(Type::of(shape)))
}

fn named(set: &FieldSet, of: Option<Type<'_>>) -> FieldSet {
    let atom = of.map(Type::atom).unwrap_or_default();
    let mut out = set.clone();
    for node in &mut out.nodes {
        if node.children.is_empty() {
            continue;
        }
        let below = match (&node.element, atom.map, atom.list) {
            (PathElement::Field(name), Some(map), _) => {
                node.member |= map.field(name).is_some();
                map.member(name)
            }
            (PathElement::Key(_), _, Some(list)) => Some(list.item),
            _ => None,
        };
        node.children = named(&node.children, below);
    }
    out
}

/// Makes a set fit a type that owns as a whole what it did not before.
pub(super) fn reconcile(set: &mut FieldSet, shape: &Shape) {
    below(set, Type::of(shape));
}

fn below(set: &mut FieldSet, of: Type<'_>) {
    let atom = of.atom();
    for node in &mut set.nodes {
        if node.children.is_empty() {
            continue;
        }
        let inner = match atom.form() {
            Form::Scalar(_) => None,
            Form::List(list) => Some(list.item),
            Form::Map(map) if map.is_deduced() => None,
            Form::Map(map) => match &node.element {
                PathElement::Field(name) => map.member(name),
                _ => map.element(),
            },
        };
        let Some(inner) = inner else { continue };
        let whole = match inner.atom().form() {
            Form::Scalar(_) => false,
            Form::List(list) => list.is_atomic(),
            Form::Map(map) => map.atomic && !map.is_deduced(),
        };
        if whole {
            node.member = true;
            node.children = FieldSet::new();
        } else {
            below(&mut node.children, inner);
        }
    }
}
