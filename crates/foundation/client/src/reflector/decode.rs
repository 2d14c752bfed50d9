//! Reads objects as upstream's clients do: `null` is as good as absent.
//!
//! Go writes a time that nobody set as `null`, also where the field is required; the typed structs
//! refuse that. One such object must not keep all others out of a cache.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// The time that Go reads from `null`.
const NO_TIME: &str = "0001-01-01T00:00:00Z";
/// Times that the typed structs require: that of conditions.
const REQUIRED_TIME: &str = "lastTransitionTime";

/// Reads a value, a second time without what is null if it has to be.
pub(super) fn decode<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str(text).or_else(|_| {
        let mut tree: Value = serde_json::from_str(text)?;
        remove_nulls(&mut tree);
        T::deserialize(tree)
    })
}

fn remove_nulls(tree: &mut Value) {
    match tree {
        Value::Object(fields) => {
            if let Some(time @ Value::Null) = fields.get_mut(REQUIRED_TIME) {
                *time = NO_TIME.into();
            }
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}
