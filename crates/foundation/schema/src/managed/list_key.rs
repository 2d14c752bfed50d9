//! What an item of a list is known by.

use serde_json::Value;

use super::atom::{List, Relation, Type};
use super::element::PathElement;
use crate::schema::Text;

pub(super) fn of(list: &List<'_>, item: &Value) -> Result<PathElement, String> {
    match list.relation {
        Relation::Atomic => Err("invalid indexing of non-associative list".to_owned()),
        Relation::Map(keys) => keyed(keys, list.item, item),
        Relation::Set => match item {
            Value::Object(_) => {
                Err("associative list without keys has an element that's a map type".to_owned())
            }
            Value::Array(_) => {
                Err("not supported: associative list with lists as elements".to_owned())
            }
            Value::Null => Err(
                "associative list without keys has an element that's an explicit null".to_owned(),
            ),
            value => Ok(PathElement::Value(value.clone())),
        },
    }
}

fn keyed(keys: &[Text], item_type: Type<'_>, item: &Value) -> Result<PathElement, String> {
    let fields = match item {
        Value::Object(fields) => fields,
        Value::Null => {
            return Err("associative list with keys may not have a null element".to_owned());
        }
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let value_of = |key: &Text| {
        let value = fields.get(key.as_ref()).cloned();
        let value = value.or_else(|| item_type.default_of(key))?;
        Some((key.to_string(), value))
    };
    // A key that is not there and has no default makes a different item from one that is empty.
    let mut found: Vec<(String, Value)> = keys.iter().filter_map(value_of).collect();
    if found.is_empty() {
        let keys: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't \
             have default values for any key fields)",
            keys.join(" ")
        ));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(PathElement::Key(found))
}
