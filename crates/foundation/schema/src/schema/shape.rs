//! One type of a schema: the handle that everyone uses.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::{Field, ListType, Node, Schema, TypeId};
use crate::decode::{self, DecodeError, Decoded, Strictness};
use crate::{defaults, encode, protobuf, strategic, yaml};

/// One type of a schema.
#[derive(Clone)]
pub struct Shape {
    schema: Arc<Schema>,
    id: TypeId,
}

/// What is known about a field beside its type.
#[derive(Debug, Clone)]
pub struct FieldInfo {
    pub name: String,
    pub shape: Shape,
    pub required: bool,
    pub list_type: ListType,
    pub list_keys: Vec<String>,
    /// A map or struct that server-side apply owns as a whole.
    pub atomic: bool,
    pub default: Option<Value>,
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shape").field(&self.name()).finish()
    }
}

impl Shape {
    pub(crate) fn new(schema: Arc<Schema>, id: TypeId) -> Self {
        Self { schema, id }
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    pub(crate) fn id(&self) -> TypeId {
        self.id
    }

    fn node(&self) -> &Node {
        self.schema.node(self.id)
    }

    /// The OpenAPI name of a struct; empty for other types.
    pub fn name(&self) -> &str {
        self.node().as_struct().map_or("", |it| it.name.as_ref())
    }

    /// Reads JSON.
    pub fn decode_json(
        &self,
        bytes: &[u8],
        strictness: Strictness,
    ) -> Result<Decoded, DecodeError> {
        decode::json(self, bytes, strictness)
    }

    /// Reads YAML, by the rules of `sigs.k8s.io/yaml`: one document, then as JSON.
    pub fn decode_yaml(
        &self,
        bytes: &[u8],
        strictness: Strictness,
    ) -> Result<Decoded, DecodeError> {
        yaml::decode(self, bytes, strictness)
    }

    /// Reads a protobuf message, without an envelope.
    pub fn decode_protobuf(&self, bytes: &[u8]) -> Result<Value, DecodeError> {
        protobuf::decode(self, bytes)
    }

    /// Types and prunes a tree as if it had been read from JSON.
    pub fn check(&self, value: Value, strictness: Strictness) -> Result<Decoded, DecodeError> {
        decode::tree(self, value, strictness)
    }

    /// Writes JSON: Go's order of fields, rules of omission and escapes.
    pub fn encode_json(&self, value: &Value, out: &mut Vec<u8>) {
        encode::json(self, value, out);
    }

    /// Writes a protobuf message, without an envelope.
    pub fn encode_protobuf(&self, value: &Value, out: &mut Vec<u8>) {
        protobuf::encode(self, value, out);
    }

    /// Fills in the defaults that are constants.
    pub fn apply_defaults(&self, value: &mut Value) {
        defaults::apply(self, value);
    }

    /// Applies a strategic merge patch.
    pub fn strategic_merge(
        &self,
        current: &Value,
        patch: &Value,
    ) -> Result<Value, strategic::PatchError> {
        strategic::merge(self, current, patch)
    }

    /// The type of a field, by its JSON name.
    pub fn field(&self, json_name: &str) -> Option<Self> {
        let it = self.node().as_struct()?;
        let place = it.find(json_name, 0)?;
        Some(Self::new(Arc::clone(&self.schema), it.flat[place].node))
    }

    /// The type of the items of a list.
    pub fn items(&self) -> Option<Self> {
        match self.node() {
            Node::List { item, .. } => Some(Self::new(Arc::clone(&self.schema), *item)),
            _ => None,
        }
    }

    /// The type of the values of a map.
    pub fn values(&self) -> Option<Self> {
        match self.node() {
            Node::Map { value } => Some(Self::new(Arc::clone(&self.schema), *value)),
            _ => None,
        }
    }

    /// What is known about a field.
    pub fn field_info(&self, json_name: &str) -> Option<FieldInfo> {
        let it = self.node().as_struct()?;
        it.find(json_name, 0)
            .map(|place| self.info(&it.flat[place]))
    }

    /// All fields of a struct, in the order of JSON.
    pub fn fields(&self) -> Vec<FieldInfo> {
        let Some(it) = self.node().as_struct() else {
            return Vec::new();
        };
        it.flat.iter().map(|field| self.info(field)).collect()
    }

    fn info(&self, field: &Field) -> FieldInfo {
        let shape = Self::new(Arc::clone(&self.schema), field.node);
        let whole = shape.node().as_struct().is_some_and(|it| it.atomic);
        let atomic = field.atomic_map || whole && !field.granular;
        FieldInfo {
            name: field.json.to_string(),
            shape,
            required: field.required,
            list_type: field.list_type,
            list_keys: field.list_keys.iter().map(ToString::to_string).collect(),
            atomic,
            default: field.default.clone(),
        }
    }
}
