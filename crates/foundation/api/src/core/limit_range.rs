//! `LimitRange`: <https://kubernetes.io/docs/concepts/policy/limit-range/>.

use serde_json::{Map, Value};

use crate::rules::Rules;
use crate::tree;

pub(crate) struct LimitRange;

impl Rules for LimitRange {
    /// For containers, what is not said follows from what is: limits from maxima, requests from
    /// limits and minima.
    fn default(&self, object: &mut Value) {
        for item in tree::items_mut(object, "spec.limits") {
            if tree::text(item, "type") == "Container" {
                fill(item, "default", "max");
                fill(item, "defaultRequest", "default");
                fill(item, "defaultRequest", "min");
            }
        }
    }
}

fn fill(item: &mut Value, to: &str, from: &str) {
    let Some(amounts) = item.get(from).and_then(Value::as_object).cloned() else {
        return;
    };
    if amounts.is_empty() {
        return;
    }
    if !item[to].is_object() {
        item[to] = Value::Object(Map::new());
    }
    let target = item[to].as_object_mut().expect("it was made one");
    for (name, amount) in amounts {
        target.entry(name).or_insert(amount);
    }
}
