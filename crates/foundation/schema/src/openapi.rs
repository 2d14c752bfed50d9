//! Types as OpenAPI definitions, version 2 and 3, without descriptions.
//!
//! A named type is referred to, and defined once by whoever collects the definitions.

pub mod gnostic;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::schema::{Field, IntKind, ListType, Node, Schema, Shape, Struct, TypeId};
use crate::zero;

/// Which OpenAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V2,
    V3,
}

impl Version {
    fn reference(self, name: &str) -> Value {
        let folder = match self {
            Self::V2 => "definitions",
            Self::V3 => "components/schemas",
        };
        json!({ "$ref": format!("#/{folder}/{name}") })
    }
}

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// Adds the definitions of a type and of everything it refers to.
pub fn collect(shape: &Shape, version: Version, definitions: &mut BTreeMap<String, Value>) {
    let mut writer = Writer {
        schema: shape.schema(),
        version,
        definitions,
    };
    writer.schema(shape.id());
}

/// A reference to a type.
pub fn reference(shape: &Shape, version: Version) -> Value {
    version.reference(shape.name())
}

struct Writer<'a> {
    schema: &'a Schema,
    version: Version,
    definitions: &'a mut BTreeMap<String, Value>,
}

impl Writer<'_> {
    /// The schema of a type; named types are defined on the way.
    fn schema(&mut self, id: TypeId) -> Value {
        let schema = self.schema;
        match schema.node(id) {
            Node::String | Node::Duration => json!({"type": "string"}),
            Node::Bool => json!({"type": "boolean"}),
            Node::Int(IntKind::Int32) => json!({"type": "integer", "format": "int32"}),
            Node::Int(_) => json!({"type": "integer", "format": "int64"}),
            Node::Float => json!({"type": "number", "format": "double"}),
            Node::Bytes => json!({"type": "string", "format": "byte"}),
            Node::Any => json!({}),
            Node::Quantity => self.named("io.k8s.apimachinery.pkg.api.resource.Quantity", quantity),
            Node::IntOrString => self.named(
                "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
                int_or_string,
            ),
            Node::Time => self.named(&format!("{META}.Time"), time),
            Node::MicroTime => self.named(&format!("{META}.MicroTime"), time),
            Node::FieldsV1 => self.named(&format!("{META}.FieldsV1"), object),
            Node::Raw => self.named("io.k8s.apimachinery.pkg.runtime.RawExtension", object),
            Node::List { item, .. } => json!({"type": "array", "items": self.inner(*item)}),
            Node::Map { value } => {
                json!({"type": "object", "additionalProperties": self.inner(*value)})
            }
            Node::OneOf(it) => self.named(&it.name, |_| json!({})),
            Node::Struct(it) => {
                if !self.definitions.contains_key(it.name.as_ref()) {
                    // Types refer to themselves.
                    self.definitions.insert(it.name.to_string(), Value::Null);
                    let definition = self.structure(it);
                    self.definitions.insert(it.name.to_string(), definition);
                }
                self.version.reference(&it.name)
            }
        }
    }

    /// The schema of an item; its zero value is its default.
    fn inner(&mut self, id: TypeId) -> Value {
        let mut schema = self.schema(id);
        if let (Version::V3, Some(default)) = (self.version, default_of(self.schema, id)) {
            schema = with_default(schema, default);
        }
        schema
    }

    fn named(&mut self, name: &str, define: impl Fn(Version) -> Value) -> Value {
        let version = self.version;
        self.definitions
            .entry(name.to_owned())
            .or_insert_with(|| define(version));
        version.reference(name)
    }

    fn structure(&mut self, it: &Struct) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in &*it.flat {
            properties.insert(field.json.to_string(), self.property(field));
            if field.required {
                required.push(Value::from(field.json.as_ref()));
            }
        }
        let mut definition = json!({"type": "object"});
        if !properties.is_empty() {
            definition["properties"] = Value::Object(properties);
        }
        if !required.is_empty() {
            definition["required"] = required.into();
        }
        if it.atomic {
            definition["x-kubernetes-map-type"] = "atomic".into();
        }
        if !it.gvk.is_empty() {
            definition["x-kubernetes-group-version-kind"] = json!([group_version_kind(&it.gvk)]);
        }
        definition
    }

    fn property(&mut self, field: &Field) -> Value {
        let mut property = self.schema(field.node);
        if let Node::List { item, .. } | Node::Map { value: item } = self.schema.node(field.node) {
            let inner = self.inner(*item);
            let name = if property["items"].is_null() {
                "additionalProperties"
            } else {
                "items"
            };
            property[name] = inner;
        }
        if let Some(values) = self.schema.enums.get(&field.alias)
            && matches!(self.schema.node(field.node), Node::String)
        {
            property["enum"] = values.iter().map(|it| Value::from(it.as_ref())).collect();
        }
        if self.version == Version::V3 {
            let zero = || {
                let node = self.schema.node(field.node);
                let always = field.is_always_there(node) || matches!(node, Node::Struct(_));
                default_of(self.schema, field.node).filter(|_| always && !field.pointer)
            };
            if let Some(default) = field.default.clone().or_else(zero) {
                property = with_default(property, default);
            }
        } else if let Some(default) = &field.default {
            property["default"] = default.clone();
        }
        extensions(field, self.schema.node(field.node), &mut property);
        property
    }
}

/// How patches and server-side apply treat a field.
fn extensions(field: &Field, node: &Node, property: &mut Value) {
    let strategies = [
        (field.patch.merge, "merge"),
        (field.patch.replace, "replace"),
        (field.patch.retain_keys, "retainKeys"),
    ];
    let mut names: Vec<&str> = strategies
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, name)| *name)
        .collect();
    names.reverse();
    if !names.is_empty() {
        property["x-kubernetes-patch-strategy"] = names.join(",").into();
    }
    if !field.merge_key.is_empty() {
        property["x-kubernetes-patch-merge-key"] = field.merge_key.as_ref().into();
    }
    if matches!(node, Node::List { .. }) {
        match field.list_type {
            ListType::Atomic => property["x-kubernetes-list-type"] = "atomic".into(),
            ListType::Set => property["x-kubernetes-list-type"] = "set".into(),
            ListType::Map => {
                property["x-kubernetes-list-type"] = "map".into();
                let keys = field.list_keys.iter().map(|key| Value::from(key.as_ref()));
                property["x-kubernetes-list-map-keys"] = keys.collect();
            }
        }
    }
    if field.atomic_map {
        property["x-kubernetes-map-type"] = "atomic".into();
    }
    if field.granular {
        property["x-kubernetes-map-type"] = "granular".into();
    }
}

/// The zero value that OpenAPI shows as a default.
fn default_of(schema: &Schema, id: TypeId) -> Option<Value> {
    match schema.node(id) {
        Node::Struct(_) => Some(json!({})),
        Node::String | Node::Bool | Node::Int(_) | Node::Float => zero::of(schema, id),
        _ => None,
    }
}

/// A reference cannot have anything beside it.
fn with_default(mut schema: Value, default: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({"allOf": [schema], "default": default});
    }
    schema["default"] = default;
    schema
}

fn quantity(version: Version) -> Value {
    match version {
        Version::V2 => json!({"type": "string"}),
        Version::V3 => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
    }
}

fn int_or_string(version: Version) -> Value {
    match version {
        Version::V2 => json!({"type": "string", "format": "int-or-string"}),
        Version::V3 => {
            json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"})
        }
    }
}

fn time(_: Version) -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn object(_: Version) -> Value {
    json!({"type": "object"})
}

/// `apps/v1/Deployment` as an object.
fn group_version_kind(text: &str) -> Value {
    let mut parts = text.rsplitn(3, '/');
    let kind = parts.next().unwrap_or_default();
    let version = parts.next().unwrap_or_default();
    let group = parts.next().unwrap_or_default();
    json!({"group": group, "version": version, "kind": kind})
}
