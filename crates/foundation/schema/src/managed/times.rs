//! A write that changes nothing but the times of managers changes nothing.

use serde_json::{Map, Value};

use super::managers;
use super::values;

/// Puts back the times of the entries if all else is as it was, so that nothing has to be stored.
/// The object is what would be written: with its defaults, and after admission.
pub fn keep_times(old: &Value, new: &mut Value) {
    let (before, after) = (managers::entries(old), managers::entries(new));
    if before.len() != after.len() || before == after {
        return;
    }
    let same = |(a, b): (&Value, &Value)| equal_without(a, b, "time");
    if !before.iter().zip(after).all(same) || !is_same_object(old, new) {
        return;
    }
    let before = Value::from(before.to_vec());
    managers::replace(new, Some(before));
}

fn is_same_object(old: &Value, new: &Value) -> bool {
    let metadata = |it: &'_ Value| it.get("metadata").cloned().unwrap_or_default();
    equal_without(old, new, "metadata")
        && equal_without(&metadata(old), &metadata(new), "managedFields")
}

fn equal_without(a: &Value, b: &Value, name: &str) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        return values::equal(a, b);
    };
    let count = |it: &Map<String, Value>| it.keys().filter(|key| *key != name).count();
    let mut others = a.iter().filter(|(key, _)| *key != name);
    count(a) == count(b) && others.all(|(key, a)| b.get(key).is_some_and(|b| values::equal(a, b)))
}
