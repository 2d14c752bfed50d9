//! Types and their fields.

mod build;
pub(crate) use build::Builder;
mod shape;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::defaults::Rule;
pub use shape::{FieldInfo, Shape};

/// A text of the generated table, or of a schema made at run time.
pub(crate) type Text = Cow<'static, str>;

/// A type inside its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TypeId(pub(crate) u32);

/// The range of a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntKind {
    Int32,
    Int64,
    UInt32,
    UInt64,
}

/// What a type is.
#[derive(Debug)]
pub(crate) enum Node {
    String,
    Bool,
    Int(IntKind),
    Float,
    Bytes,
    Quantity,
    IntOrString,
    Time,
    MicroTime,
    Duration,
    /// Any JSON, as an embedded object (`runtime.RawExtension`).
    Raw,
    FieldsV1,
    /// Any JSON.
    Any,
    /// With `wrapped`, a message of its own in protobuf.
    List {
        item: TypeId,
        wrapped: bool,
    },
    Map {
        value: TypeId,
    },
    Struct(Struct),
    /// A value with several forms in JSON and one field for each of them.
    OneOf(Struct),
}

/// A Go struct.
#[derive(Debug, Default)]
pub(crate) struct Struct {
    pub(crate) name: Text,
    pub(crate) gvk: Text,
    /// Server-side apply owns it as a whole.
    pub(crate) atomic: bool,
    /// In Go's order, inline structs as one field.
    pub(crate) fields: Vec<Arc<Field>>,
    /// In the order of JSON, with the fields of inline structs in place.
    pub(crate) flat: Box<[Arc<Field>]>,
    /// Indices into `flat`, by name.
    pub(crate) by_name: Box<[u16]>,
    /// Indices into `fields`, by protobuf number.
    pub(crate) by_number: Box<[u16]>,
    /// Constant defaults, in upstream's order.
    pub(crate) rules: Vec<Rule>,
}

/// How server-side apply looks at a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListType {
    #[default]
    Atomic,
    Set,
    Map,
}

/// A field of a struct.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent marks of a row in the table"
)]
pub(crate) struct Field {
    pub(crate) json: Text,
    pub(crate) go: Text,
    pub(crate) node: TypeId,
    /// The number in protobuf; 0 if it is not there.
    pub(crate) number: u32,
    pub(crate) pointer: bool,
    pub(crate) omit_empty: bool,
    pub(crate) omit_zero: bool,
    pub(crate) inline: bool,
    pub(crate) required: bool,
    /// Never in JSON.
    pub(crate) hidden: bool,
    pub(crate) atomic_map: bool,
    /// Server-side apply owns its fields one by one, though its type says otherwise.
    pub(crate) granular: bool,
    /// The named type of the value, innermost for lists.
    pub(crate) alias: Text,
    pub(crate) list_type: ListType,
    pub(crate) list_keys: Vec<Text>,
    pub(crate) patch: PatchStrategy,
    pub(crate) merge_key: Text,
    pub(crate) default: Option<Value>,
}

/// How strategic merge treats a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PatchStrategy {
    pub(crate) merge: bool,
    pub(crate) replace: bool,
    pub(crate) retain_keys: bool,
}

/// A set of types.
pub struct Schema {
    pub(crate) nodes: Vec<Node>,
    names: HashMap<Text, TypeId>,
    /// Whether it is among the names, by type.
    named: Vec<bool>,
    /// The values of named texts that OpenAPI lists.
    pub(crate) enums: HashMap<Text, Vec<Text>>,
    /// Whether anything inside a type has a default, by type.
    pub(crate) defaulted: Vec<bool>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("types", &self.nodes.len())
            .finish_non_exhaustive()
    }
}

impl Schema {
    /// The types that upstream has built in.
    pub fn builtin() -> &'static Arc<Self> {
        static BUILTIN: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(crate::table::read()));
        &BUILTIN
    }

    /// A type by its OpenAPI name, such as `io.k8s.api.core.v1.Pod`.
    pub fn shape(self: &Arc<Self>, openapi_name: &str) -> Option<Shape> {
        let id = *self.names.get(openapi_name)?;
        Some(Shape::new(Arc::clone(self), id))
    }

    /// A type by what its objects say about themselves: `apps/v1` and `Deployment`.
    pub fn shape_of(self: &Arc<Self>, api_version: &str, kind: &str) -> Option<Shape> {
        let gvk = format!("{api_version}/{kind}");
        let found = self.nodes.iter().position(|node| match node.as_struct() {
            Some(it) => it.gvk == gvk,
            None => false,
        })?;
        let id = TypeId(u32::try_from(found).expect("a schema has thousands of types"));
        Some(Shape::new(Arc::clone(self), id))
    }

    /// The names of all structs, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.names.keys().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names
    }

    /// Whether a type has a name of its own.
    pub(crate) fn is_named(&self, id: TypeId) -> bool {
        self.named[id.0 as usize]
    }

    pub(crate) fn node(&self, id: TypeId) -> &Node {
        &self.nodes[id.0 as usize]
    }
}

impl Struct {
    /// A field by its JSON name, and its place among the fields.
    pub(crate) fn find(&self, name: &str, expected: usize) -> Option<usize> {
        // Writers keep Go's order, so the next field is mostly the one expected.
        if self
            .flat
            .get(expected)
            .is_some_and(|field| field.json == name)
        {
            return Some(expected);
        }
        let place = self
            .by_name
            .binary_search_by(|index| self.flat[usize::from(*index)].json.as_ref().cmp(name))
            .ok()?;
        Some(usize::from(self.by_name[place]))
    }

    pub(crate) fn numbered(&self, number: u32) -> Option<&Arc<Field>> {
        let place = self
            .by_number
            .binary_search_by_key(&number, |at| self.fields[usize::from(*at)].number);
        place
            .ok()
            .map(|place| &self.fields[usize::from(self.by_number[place])])
    }

    /// The name of the Go type, without its package.
    pub(crate) fn go_name(&self) -> &str {
        self.name
            .rsplit_once('.')
            .map_or(self.name.as_ref(), |(_, name)| name)
    }
}

impl Field {
    /// Whether the value of the field is written even if the tree does not have it.
    pub(crate) fn is_always_there(&self, node: &Node) -> bool {
        !self.pointer && !self.is_omitted_when_zero(node)
    }

    /// Whether a zero value is left out. Go's `omitempty` never leaves out a struct.
    pub(crate) fn is_omitted_when_zero(&self, node: &Node) -> bool {
        self.omit_zero || self.omit_empty && !node.is_struct_in_go()
    }
}

impl Node {
    fn is_struct_in_go(&self) -> bool {
        matches!(
            self,
            Self::Quantity
                | Self::IntOrString
                | Self::Time
                | Self::MicroTime
                | Self::Duration
                | Self::Raw
                | Self::FieldsV1
                | Self::Struct(_)
                | Self::OneOf(_)
        )
    }

    pub(crate) fn as_struct(&self) -> Option<&Struct> {
        match self {
            Self::Struct(found) | Self::OneOf(found) => Some(found),
            _ => None,
        }
    }
}
