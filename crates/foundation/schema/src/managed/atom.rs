//! A type as server-side apply sees it: a scalar, a list, a map, or for untyped data all of them.
//!
//! What the table has no type for is taken as its value comes: maps are merged by key, lists are
//! owned as a whole. An embedded object (`runtime.RawExtension`) is owned as a whole.

use std::sync::Arc;

use serde_json::Value;

use crate::schema::{Field, ListType, Node, Schema, Shape, Struct, Text, TypeId};
use crate::zero;

/// A type, or the type of a field with what the field says about it.
#[derive(Clone, Copy)]
pub(super) struct Type<'a> {
    schema: &'a Schema,
    what: What<'a>,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Node(TypeId),
    Field(&'a Field),
    /// Anything, owned as a whole.
    Untyped,
    /// Anything, where maps are merged.
    Deduced,
}

/// The forms that a value of a type can have.
#[derive(Clone, Copy, Default)]
pub(super) struct Atom<'a> {
    pub(super) scalar: Option<Scalar>,
    pub(super) list: Option<List<'a>>,
    pub(super) map: Option<Map<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    String,
    Numeric,
    Boolean,
    Untyped,
}

#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    pub(super) relation: Relation<'a>,
    pub(super) item: Type<'a>,
}

/// What the items of a list are known by.
#[derive(Clone, Copy)]
pub(super) enum Relation<'a> {
    /// By nothing: the list is owned as a whole.
    Atomic,
    /// By their values.
    Set,
    /// By these fields of theirs.
    Map(&'a [Text]),
}

#[derive(Clone, Copy)]
pub(super) struct Map<'a> {
    schema: &'a Schema,
    pub(super) atomic: bool,
    pub(super) fields: Option<&'a Struct>,
    /// The type of what is no field.
    element: Option<Type<'a>>,
}

impl<'a> Type<'a> {
    pub(super) fn of(shape: &'a Shape) -> Self {
        Self::node(shape.schema(), shape.id())
    }

    fn node(schema: &'a Schema, id: TypeId) -> Self {
        Self {
            schema,
            what: What::Node(id),
        }
    }

    fn with(self, what: What<'a>) -> Self {
        Self { what, ..self }
    }

    pub(super) fn atom(self) -> Atom<'a> {
        match self.what {
            What::Untyped => self.anything(What::Untyped, true),
            What::Deduced => self.anything(What::Deduced, false),
            What::Node(id) => self.of_node(id),
            What::Field(field) => self.of_field(field),
        }
    }

    fn anything(self, inner: What<'a>, atomic: bool) -> Atom<'a> {
        Atom {
            scalar: Some(Scalar::Untyped),
            list: Some(List {
                relation: Relation::Atomic,
                item: self.with(What::Untyped),
            }),
            map: Some(Map {
                schema: self.schema,
                atomic,
                fields: None,
                element: Some(self.with(inner)),
            }),
        }
    }

    fn of_node(self, id: TypeId) -> Atom<'a> {
        let scalar = |scalar| Atom {
            scalar: Some(scalar),
            ..Atom::default()
        };
        let map = |atomic, fields, element| Atom {
            map: Some(Map {
                schema: self.schema,
                atomic,
                fields,
                element,
            }),
            ..Atom::default()
        };
        match self.schema.node(id) {
            Node::String | Node::Bytes | Node::Duration => scalar(Scalar::String),
            Node::Bool => scalar(Scalar::Boolean),
            Node::Int(_) | Node::Float => scalar(Scalar::Numeric),
            Node::Quantity | Node::Time | Node::MicroTime => scalar(Scalar::Untyped),
            // The JSON of custom resources' schemas is any value, not an embedded object.
            Node::Raw if self.schema.is_named(id) => self.anything(What::Deduced, false),
            Node::Raw => self.anything(What::Untyped, true),
            // OpenAPI gives both forms of `IntOrString` no type, so it is taken as it comes.
            Node::Any | Node::OneOf(_) | Node::IntOrString => self.anything(What::Deduced, false),
            Node::FieldsV1 => map(false, None, Some(self.with(What::Deduced))),
            Node::Struct(it) if it.flat.is_empty() => {
                map(it.atomic, None, Some(self.with(What::Deduced)))
            }
            Node::Struct(it) => map(it.atomic, Some(it), None),
            Node::Map { value } => map(false, None, Some(Self::node(self.schema, *value))),
            Node::List { item, .. } => Atom {
                list: Some(List {
                    relation: Relation::Atomic,
                    item: Self::node(self.schema, *item),
                }),
                ..Atom::default()
            },
        }
    }

    fn of_field(self, field: &'a Field) -> Atom<'a> {
        let mut atom = self.of_node(field.node);
        if let Some(list) = &mut atom.list
            && atom.scalar.is_none()
        {
            list.relation = match field.list_type {
                ListType::Map => Relation::Map(&field.list_keys),
                ListType::Set => Relation::Set,
                ListType::Atomic => Relation::Atomic,
            };
        }
        if let Some(map) = &mut atom.map {
            map.atomic = (map.atomic || field.atomic_map) && !field.granular;
        }
        atom
    }

    /// The value that a key field has when it is not there.
    pub(super) fn default_of(self, field: &str) -> Option<Value> {
        let field = self.atom().map?.field(field)?;
        let node = self.schema.node(field.node);
        let zero = || match node {
            Node::String | Node::Bool | Node::Int(_) | Node::Float
                if !field.pointer && field.is_always_there(node) =>
            {
                zero::of(self.schema, field.node)
            }
            _ => None,
        };
        field.default.clone().or_else(zero)
    }
}

impl<'a> Atom<'a> {
    /// The form that a value has. What is not there, or `null`, takes any.
    pub(super) fn deduce(self, value: Option<&Value>) -> Self {
        let none = Self::default();
        match value {
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) if self.scalar.is_some() => {
                Self {
                    scalar: self.scalar,
                    ..none
                }
            }
            Some(Value::Array(_)) if self.list.is_some() => Self {
                list: self.list,
                ..none
            },
            Some(Value::Object(_)) if self.map.is_some() => Self {
                map: self.map,
                ..none
            },
            _ => self,
        }
    }

    /// Whether two values of one type have the same form.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let forms = |it: &Self| (it.scalar.is_some(), it.list.is_some(), it.map.is_some());
        forms(self) == forms(other)
    }

    /// The form to treat a value by.
    pub(super) fn form(self) -> Form<'a> {
        match (self.map, self.scalar, self.list) {
            (Some(map), _, _) => Form::Map(map),
            (None, None, Some(list)) => Form::List(list),
            (None, scalar, _) => Form::Scalar(scalar.unwrap_or(Scalar::Untyped)),
        }
    }
}

/// One form.
pub(super) enum Form<'a> {
    Scalar(Scalar),
    List(List<'a>),
    Map(Map<'a>),
}

impl List<'_> {
    pub(super) fn is_atomic(&self) -> bool {
        matches!(self.relation, Relation::Atomic)
    }
}

impl<'a> Map<'a> {
    pub(super) fn field(&self, name: &str) -> Option<&'a Field> {
        let it = self.fields?;
        it.find(name, 0).map(|place| it.flat[place].as_ref())
    }

    /// The type of an entry; nothing if there can be no such entry.
    pub(super) fn member(&self, name: &str) -> Option<Type<'a>> {
        let of_field = |field| Type {
            schema: self.schema,
            what: What::Field(field),
        };
        self.field(name).map(of_field).or(self.element)
    }

    /// The type of what is no field.
    pub(super) fn element(&self) -> Option<Type<'a>> {
        self.element
    }

    /// Whether nothing is known about the entries.
    pub(super) fn is_deduced(&self) -> bool {
        let deduced = |it: Type<'_>| matches!(it.what, What::Deduced);
        self.fields.is_none() && self.element.is_some_and(deduced)
    }

    /// Whether Go writes `null` for a field that was never set.
    pub(super) fn is_null_when_unset(&self, name: &str) -> bool {
        self.field(name).is_some_and(|field| self.is_null(field))
    }

    /// The fields that Go writes `null` for when they were never set.
    pub(super) fn null_when_unset(self) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.map_or(&[][..], |it| &it.flat);
        let is_null = move |field: &&'a Arc<Field>| self.is_null(field);
        fields
            .iter()
            .filter(is_null)
            .map(|field| field.json.as_ref())
    }

    fn is_null(&self, field: &Field) -> bool {
        let node = self.schema.node(field.node);
        if field.pointer {
            return !(field.omit_empty || field.omit_zero);
        }
        let scalar = matches!(
            node,
            Node::String | Node::Bool | Node::Int(_) | Node::IntOrString | Node::Float
        );
        let zero = scalar || matches!(node, Node::Quantity | Node::Duration | Node::Struct(_));
        !zero && !field.is_omitted_when_zero(node)
    }
}
