//! The order of merged lists: as the patch says, and as it was for what the patch does not name.

use serde_json::Value;

use super::list::same_item;
use super::{Members, Merger, Outcome, PATCH, PatchError, SET_ORDER, without_directives};
use crate::schema::TypeId;

impl Merger<'_> {
    /// Merges the lists that the patch gives an order for; they are done then.
    pub(super) fn ordered(
        self,
        id: Option<TypeId>,
        original: &mut Members,
        patch: &mut Members,
    ) -> Outcome<()> {
        let keys: Vec<String> = patch
            .keys()
            .filter(|key| key.starts_with(SET_ORDER))
            .cloned()
            .collect();
        for key in keys {
            let order = patch.remove(&key).unwrap_or(Value::Null);
            let Value::Array(order) = order else {
                return Err(PatchError::SetElementOrder);
            };
            let name = &key[SET_ORDER.len()..];
            let member = self.member(id, name);
            let old = list(original.get(name))?;
            let new = list(patch.get(name))?;
            if let Some(new) = &new {
                check(new, &order, member.key())?;
            }
            let merged = match (&old, new) {
                (None, None) => continue,
                (Some(old), None) => old.clone(),
                (None, Some(new)) => match without_directives(Value::Array(new)) {
                    Some(Value::Array(items)) => items,
                    _ => continue,
                },
                (Some(old), Some(new)) if member.merges() => {
                    self.list(&member, old.clone(), new)?
                }
                (Some(_), Some(new)) => new,
            };
            let server = old.unwrap_or_default();
            let arranged = arrange(merged, &order, &server, member.key());
            original.insert(name.to_owned(), Value::Array(arranged));
            patch.remove(name);
        }
        Ok(())
    }
}

fn list(value: Option<&Value>) -> Outcome<Option<Vec<Value>>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items.clone())),
        Some(other) => Err(PatchError::Type("slice", super::kind(other))),
    }
}

/// The items of a patch must come in the order that it asks for.
fn check(patch: &[Value], order: &[Value], key: &str) -> Outcome<()> {
    let mut rest = order.iter();
    for item in patch.iter().filter(|item| item.get(PATCH).is_none()) {
        if order.is_empty() {
            return Ok(());
        }
        if !rest.any(|wanted| same_item(item, wanted, key)) {
            let text = |items: &[Value]| Value::from(items.to_vec()).to_string();
            return Err(PatchError::OrderMismatch(text(patch), text(order)));
        }
    }
    Ok(())
}

/// Puts what the patch names into its order, the rest into the server's, and both together so that
/// the server's order holds wherever it knows both.
pub(super) fn arrange(
    merged: Vec<Value>,
    patch: &[Value],
    server: &[Value],
    key: &str,
) -> Vec<Value> {
    let place = |list: &[Value], item: &Value| list.iter().position(|it| same_item(it, item, key));
    let (mut named, mut others): (Vec<Value>, Vec<Value>) = merged
        .into_iter()
        .partition(|item| place(patch, item).is_some());
    named.sort_by_key(|item| place(patch, item).unwrap_or(usize::MAX));
    others.sort_by_key(|item| place(server, item).unwrap_or(usize::MAX));
    let mut out = Vec::with_capacity(named.len() + others.len());
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (None, None) => return out,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(other), Some(one)) => match (place(server, other), place(server, one)) {
                (Some(other), Some(one)) => other < one,
                _ => false,
            },
        };
        out.extend(if other_first {
            others.next()
        } else {
            named.next()
        });
    }
}
