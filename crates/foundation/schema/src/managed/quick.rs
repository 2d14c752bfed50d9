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

/// Who makes a change, in which version, and when.
type Author<'a> = (&'a ManagerId, &'a str, &'a str);

/// Whether a change leaves the entries as they are, but for a time.
pub(super) fn fits(before: &[Value], found: &Comparison, (id, api_version, _): Author<'_>) -> bool {
    let modified = without_system(found.modified.clone());
    let added = without_system(found.added.clone());
    let removed = without_system(found.removed.clone());
    let is_same = modified.is_empty() && added.is_empty() && removed.is_empty();
    let mut has_own = modified.is_empty() && added.is_empty();
    for (at, entry) in before.iter().enumerate() {
        let Ok((of, version)) = managers::identify(entry, at) else {
            return false;
        };
        let Some(fields) = entry.get("fieldsV1").filter(|it| it.is_object()) else {
            return false;
        };
        if is_same {
            continue;
        }
        if version != api_version || touches(fields, &removed) {
            return false;
        }
        if of.is(id) {
            has_own = true;
            if !contains(fields, &modified) || !contains(fields, &added) {
                return false;
            }
        } else if touches(fields, &modified) || touches(fields, &added) {
            return false;
        }
    }
    has_own
}

/// The entries with the time of a change that fits them.
pub(super) fn with_time(
    mut entries: Vec<Value>,
    found: &Comparison,
    (id, _, now): Author<'_>,
) -> Value {
    let is_empty = |set: &FieldSet| without_system(set.clone()).is_empty();
    if is_empty(&found.modified) && is_empty(&found.added) {
        return Value::Array(entries);
    }
    let is_own = |entry: &Value| managers::identify(entry, 0).is_ok_and(|(of, _)| of.is(id));
    if let Some(Value::Object(own)) = entries.iter_mut().find(|entry| is_own(entry)) {
        own.insert("time".to_owned(), json!(now));
    }
    entries.sort_by(order);
    Value::Array(entries)
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
