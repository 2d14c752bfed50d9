//! Strategic merge patch: lists are merged by key, and directives say what merging cannot.
//!
//! Follows `k8s.io/apimachinery/pkg/util/strategicpatch`, as the server applies patches: nulls
//! remove, `$patch`, `$retainKeys`, `$setElementOrder/...` and `$deleteFromPrimitiveList/...` work.

mod list;
mod order;

use serde_json::{Map, Value};

use crate::schema::{Field, Node, Schema, Shape, TypeId};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_PRIMITIVES: &str = "$deleteFromPrimitiveList/";

/// A patch that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    #[error("unknown patch type: {0} in map: {1}")]
    UnknownDirective(String, String),
    #[error("map: {0} does not contain declared merge key: {1}")]
    NoMergeKey(String, String),
    #[error("cannot merge lists without merge key for {0}")]
    KeyUnknown(String),
    #[error("invalid patch format of retainKeys")]
    RetainKeys,
    #[error("invalid patch format of setElementOrder list")]
    SetElementOrder,
    #[error("The order in patch list:\n{0}\n doesn't match $setElementOrder list:\n{1}\n")]
    OrderMismatch(String, String),
    #[error("expected a {0}, but received a {1}")]
    Type(&'static str, &'static str),
}

type Outcome<T> = Result<T, PatchError>;
type Members = Map<String, Value>;

pub(crate) fn merge(shape: &Shape, current: &Value, patch: &Value) -> Outcome<Value> {
    let Value::Object(patch) = patch else {
        return Err(PatchError::Type("map", kind(patch)));
    };
    let original = current.as_object().cloned().unwrap_or_default();
    let merger = Merger {
        schema: shape.schema(),
    };
    merger
        .map(Some(shape.id()), original, patch.clone())
        .map(Value::Object)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "map",
        Value::Array(_) => "slice",
        Value::String(_) => "string",
        Value::Number(_) => "float64",
        Value::Bool(_) => "bool",
        Value::Null => "nil",
    }
}

#[derive(Clone, Copy)]
struct Merger<'a> {
    schema: &'a Schema,
}

/// What the schema says about a member of a map.
struct Member<'a> {
    id: Option<TypeId>,
    field: Option<&'a Field>,
}

impl Member<'_> {
    fn merges(&self) -> bool {
        self.field.is_some_and(|field| field.patch.merge)
    }

    fn replaces(&self) -> bool {
        self.field.is_some_and(|field| field.patch.replace)
    }

    fn key(&self) -> &str {
        self.field.map_or("", |field| field.merge_key.as_ref())
    }
}

impl<'a> Merger<'a> {
    fn member(self, id: Option<TypeId>, name: &str) -> Member<'a> {
        match id.map(|id| self.schema.node(id)) {
            Some(Node::Struct(it) | Node::OneOf(it)) => {
                let field = it.find(name, 0).map(|place| it.flat[place].as_ref());
                Member {
                    id: field.map(|field| field.node),
                    field,
                }
            }
            Some(Node::Map { value }) => Member {
                id: Some(*value),
                field: None,
            },
            _ => Member {
                id: None,
                field: None,
            },
        }
    }

    fn item(self, id: Option<TypeId>) -> Option<TypeId> {
        match self.schema.node(id?) {
            Node::List { item, .. } => Some(*item),
            _ => None,
        }
    }

    fn name(self, id: Option<TypeId>) -> String {
        let name = id
            .and_then(|id| self.schema.node(id).as_struct())
            .map(|it| it.go_name());
        name.unwrap_or_default().to_owned()
    }

    fn map(
        self,
        id: Option<TypeId>,
        mut original: Members,
        mut patch: Members,
    ) -> Outcome<Members> {
        if let Some(directive) = patch.remove(PATCH) {
            return match directive.as_str() {
                Some("replace") => Ok(patch),
                Some("delete") => Ok(Members::new()),
                _ => {
                    let text = directive.as_str().unwrap_or_default().to_owned();
                    Err(PatchError::UnknownDirective(
                        text,
                        Value::Object(patch).to_string(),
                    ))
                }
            };
        }
        retain_keys(&mut original, &mut patch)?;
        self.ordered(id, &mut original, &mut patch)?;
        for (key, value) in patch {
            self.entry(id, &mut original, (key, value))?;
        }
        Ok(original)
    }

    fn entry(
        self,
        id: Option<TypeId>,
        original: &mut Members,
        (key, patch): (String, Value),
    ) -> Outcome<()> {
        if let Some(name) = key.strip_prefix(DELETE_PRIMITIVES) {
            if let (Some(Value::Array(items)), Value::Array(gone)) =
                (original.get_mut(name), &patch)
            {
                items.retain(|item| !gone.contains(item));
            }
            return Ok(());
        }
        if patch.is_null() {
            original.remove(&key);
            return Ok(());
        }
        let member = self.member(id, &key);
        let merged = match (original.remove(&key), patch) {
            (Some(Value::Object(_)), Value::Object(patch)) if member.replaces() => {
                Some(Value::Object(patch))
            }
            (Some(Value::Object(old)), Value::Object(patch)) => {
                Some(Value::Object(self.map(member.id, old, patch)?))
            }
            (Some(Value::Array(old)), Value::Array(patch)) if member.merges() => {
                Some(Value::Array(self.list(&member, old, patch)?))
            }
            (Some(Value::Array(_)), Value::Array(patch)) => Some(Value::Array(patch)),
            (_, patch) => without_directives(patch),
        };
        if let Some(merged) = merged {
            original.insert(key, merged);
        }
        Ok(())
    }
}

/// Drops the members that the patch does not want to keep.
fn retain_keys(original: &mut Members, patch: &mut Members) -> Outcome<()> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let Value::Array(keys) = keys else {
        return Err(PatchError::RetainKeys);
    };
    let kept = |key: &str| keys.iter().any(|kept| kept == key);
    let is_free =
        |key: &str| key.starts_with(DELETE_PRIMITIVES) || key.starts_with(SET_ORDER) || kept(key);
    if patch
        .iter()
        .any(|(key, value)| !value.is_null() && !is_free(key))
    {
        return Err(PatchError::RetainKeys);
    }
    original.retain(|key, _| kept(key));
    Ok(())
}

/// A part of a patch that has nothing to be merged with: without nulls and directives.
fn without_directives(patch: Value) -> Option<Value> {
    match patch {
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => {
            let members = map.into_iter().filter(|(_, value)| !value.is_null());
            let members =
                members.filter_map(|(key, value)| Some((key, without_directives(value)?)));
            Some(Value::Object(members.collect()))
        }
        Value::Array(items) => Some(Value::Array(
            items.into_iter().filter_map(without_directives).collect(),
        )),
        other => Some(other),
    }
}
