//! Lists: items with the same key are merged, the others are added.

use serde_json::Value;

use super::{Members, Merger, Outcome, PATCH, PatchError, order};

impl Merger<'_> {
    pub(super) fn list(
        self,
        member: &super::Member<'_>,
        original: Vec<Value>,
        patch: Vec<Value>,
    ) -> Outcome<Vec<Value>> {
        if original.is_empty() && patch.is_empty() {
            return Ok(original);
        }
        let first = patch.first().or(original.first());
        if !first.is_some_and(Value::is_object) {
            let merged = distinct(original.iter().chain(&patch));
            return Ok(order::arrange(merged, &patch, &original, ""));
        }
        let key = member.key();
        let item = self.item(member.id);
        if key.is_empty() {
            return Err(PatchError::KeyUnknown(self.name(item)));
        }
        let (original, patch) = directives(original, patch, key)?;
        let mut merged = original.clone();
        for value in &patch {
            let wanted = merge_key(value, key)?;
            let place = merged.iter().position(|it| it.get(key) == Some(wanted));
            match place {
                Some(place) => {
                    let old = merged[place].as_object().cloned().unwrap_or_default();
                    let new = value.as_object().cloned().unwrap_or_default();
                    merged[place] = Value::Object(self.map(item, old, new)?);
                }
                None => merged.push(value.clone()),
            }
        }
        Ok(order::arrange(merged, &patch, &original, key))
    }
}

fn merge_key<'a>(item: &'a Value, key: &str) -> Outcome<&'a Value> {
    item.get(key)
        .ok_or_else(|| PatchError::NoMergeKey(item.to_string(), key.to_owned()))
}

/// Takes the directives out of a patch: items to delete, or that all is to be replaced.
fn directives(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Outcome<(Vec<Value>, Vec<Value>)> {
    let mut kept = Vec::new();
    let mut replace = false;
    for item in patch {
        let directive = item.get(PATCH).and_then(Value::as_str).map(str::to_owned);
        match directive.as_deref() {
            None => kept.push(item),
            Some("delete") => {
                let gone = merge_key(&item, key)?;
                original.retain(|it| it.get(key) != Some(gone));
            }
            Some("replace") => replace = true,
            Some(other) => {
                return Err(PatchError::UnknownDirective(
                    other.to_owned(),
                    item.to_string(),
                ));
            }
        }
    }
    Ok(if replace {
        (kept, Vec::new())
    } else {
        (original, kept)
    })
}

fn distinct<'a>(items: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut distinct: Vec<Value> = Vec::new();
    for item in items {
        if !distinct.contains(item) {
            distinct.push(item.clone());
        }
    }
    distinct
}

/// The members of an item.
pub(super) fn same_item(a: &Value, b: &Value, key: &str) -> bool {
    if key.is_empty() {
        return a == b;
    }
    let of = |value: &Value| -> Option<Value> {
        value
            .as_object()
            .and_then(|it: &Members| it.get(key).cloned())
    };
    of(a).is_some() && of(a) == of(b)
}
