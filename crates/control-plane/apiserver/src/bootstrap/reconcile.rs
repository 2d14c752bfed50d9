//! What an object of every cluster lacks that a newer policy has.
//!
//! Nothing is taken away that somebody added; an annotation keeps whole objects as they are.

use serde_json::Value;

use crate::authorization::missing_rules;

/// `true` on objects that may be brought up to date.
const POLICY: &str = "rbac.authorization.kubernetes.io/autoupdate";
const FLOW: &str = "apf.kubernetes.io/autoupdate-spec";

/// The stored object with what it lacks; `None` if it lacks nothing.
pub(super) fn completed(stored: &Value, wanted: &Value) -> Option<Value> {
    let allows = |annotation: &str| stored["metadata"]["annotations"][annotation] == "true";
    let mut new = stored.clone();
    if allows(POLICY) {
        for field in ["/metadata/labels", "/metadata/annotations"] {
            add_entries(&mut new, field, wanted);
        }
        // The rules of a role that gathers others are not its own.
        let rules = if wanted["aggregationRule"].is_null() {
            missing_rules(&stored["rules"], &wanted["rules"])
        } else {
            Vec::new()
        };
        add_items(&mut new, "/rules", rules);
        for field in ["/aggregationRule/clusterRoleSelectors", "/subjects"] {
            add_items(
                &mut new,
                field,
                absent(stored.pointer(field), wanted.pointer(field)),
            );
        }
    } else if allows(FLOW) {
        new["spec"] = wanted["spec"].clone();
    }
    (new != *stored).then_some(new)
}

/// Adds the entries of a map that are not there.
fn add_entries(object: &mut Value, field: &str, wanted: &Value) {
    let Some(entries) = wanted.pointer(field).and_then(Value::as_object) else {
        return;
    };
    for (key, value) in entries {
        let stored = object.pointer(field).and_then(|map| map.get(key));
        if stored.is_none() {
            member(object, field)[key] = value.clone();
        }
    }
}

fn absent(stored: Option<&Value>, wanted: Option<&Value>) -> Vec<Value> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned();
    let stored = list(stored).unwrap_or_default();
    let wanted = list(wanted).unwrap_or_default();
    let is_absent = |item: &Value| !stored.contains(item);
    wanted.into_iter().filter(is_absent).collect()
}

fn add_items(object: &mut Value, field: &str, missing: Vec<Value>) {
    if missing.is_empty() {
        return;
    }
    match member(object, field) {
        Value::Array(items) => items.extend(missing),
        other => *other = missing.into(),
    }
}

/// The member at a path, made if need be.
fn member<'a>(object: &'a mut Value, path: &str) -> &'a mut Value {
    let steps = path.split('/').skip(1);
    steps.fold(object, |at, step| &mut at[step])
}

#[cfg(test)]
mod tests;
