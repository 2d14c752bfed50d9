//! Updates that take nothing from anybody, which is nearly all of them.
//!
//! A component mostly changes again what it changed before. The entries stay then as they are
//! stored, but for a time, and need not be taken apart and put together.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::compare::Comparison;
use super::field_set::FieldSet;
use super::managers::{self, ManagerId};
use super::update::without_system;

/// The entries after a change, from those before it; nothing if managers have to be revised.
pub(super) fn entries(
    before: &[Value],
    found: &Comparison,
    (id, api_version, now): (&ManagerId, &str, &str),
) -> Option<Value> {
    let changed = without_system(found.modified.clone().union(found.added.clone()));
    let removed = without_system(found.removed.clone());
    let mut own = None;
    for (at, entry) in before.iter().enumerate() {
        let (of, version) = managers::identify(entry, at).ok()?;
        let fields = entry.get("fieldsV1").filter(|it| it.is_object())?;
        if changed.is_empty() && removed.is_empty() {
            continue;
        }
        if version != api_version || touches(fields, &removed) {
            return None;
        }
        if of == *id {
            own = Some(at);
            if !contains(fields, &changed) {
                return None;
            }
        } else if touches(fields, &changed) {
            return None;
        }
    }
    let mut entries = before.to_vec();
    if !changed.is_empty() {
        let own = entries.get_mut(own?)?.as_object_mut()?;
        own.insert("time".to_owned(), json!(now));
        entries.sort_by(order);
    }
    Some(Value::Array(entries))
}

fn order(a: &Value, b: &Value) -> Ordering {
    let text = |it: &Value, name: &str| {
        it.get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let seconds = |it: &Value| managers::seconds(it.get("time").and_then(Value::as_str));
    let key = |it: &Value| (text(it, "operation"), seconds(it), text(it, "manager"));
    let rest = |it: &Value| (text(it, "apiVersion"), text(it, "subresource"));
    key(a).cmp(&key(b)).then_with(|| rest(a).cmp(&rest(b)))
}

/// Whether `FieldsV1` and a set have a path in common.
fn touches(fields: &Value, set: &FieldSet) -> bool {
    set.nodes.iter().any(|node| {
        fields
            .get(node.element.serialize())
            .is_some_and(|below| node.member && is_member(below) || touches(below, &node.children))
    })
}

/// Whether `FieldsV1` has all paths of a set.
fn contains(fields: &Value, set: &FieldSet) -> bool {
    set.nodes.iter().all(|node| {
        fields.get(node.element.serialize()).is_some_and(|below| {
            (!node.member || is_member(below)) && contains(below, &node.children)
        })
    })
}

fn is_member(below: &Value) -> bool {
    let below = below.as_object();
    below.is_some_and(|below| below.is_empty() || below.contains_key("."))
}
