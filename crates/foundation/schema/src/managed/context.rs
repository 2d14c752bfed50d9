//! What a write is about, and objects in their versions.

use std::borrow::Cow;

use serde_json::Value;

use super::check::{Duplicates, check};
use super::collect;
use super::field_set::FieldSet;
use super::nulls::with_nulls;
use crate::schema::Shape;
use crate::zero;

/// What a write is about.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub shape: &'a Shape,
    pub api_version: &'a str,
    pub kind: &'a str,
    /// Empty for the object itself.
    pub subresource: &'a str,
    /// What nobody comes to own by this write, because it is reset: [`super::reset_fields`].
    pub reset: &'a FieldSet,
    /// The time of the write, in RFC 3339 and whole seconds.
    pub now: &'a str,
    pub versions: &'a dyn Versions,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("api_version", &self.api_version)
            .field("kind", &self.kind)
            .field("subresource", &self.subresource)
            .finish_non_exhaustive()
    }
}

/// The versions of a kind.
pub trait Versions {
    /// An object as another version has it, with that version's type; nothing if there is no such
    /// version (any more), and then nobody owns fields of it.
    fn convert(&self, object: &Value, api_version: &str) -> Result<Option<Versioned>, String>;
}

/// A kind that has one version.
#[derive(Debug, Clone, Copy)]
pub struct OneVersion;

impl Versions for OneVersion {
    fn convert(&self, _object: &Value, _api_version: &str) -> Result<Option<Versioned>, String> {
        Ok(None)
    }
}

/// An object in one of its versions.
#[derive(Debug, Clone)]
pub struct Versioned {
    pub shape: Shape,
    pub value: Value,
}

/// An object, and the version that it is of.
#[derive(Clone)]
pub(super) struct Typed<'a> {
    pub(super) shape: Cow<'a, Shape>,
    pub(super) api_version: Cow<'a, str>,
    pub(super) value: Cow<'a, Value>,
}

impl<'a> Typed<'a> {
    pub(super) fn new(context: &Context<'a>, value: Cow<'a, Value>) -> Self {
        Self {
            shape: Cow::Borrowed(context.shape),
            api_version: Cow::Borrowed(context.api_version),
            value,
        }
    }

    /// The same object with another value.
    pub(super) fn with(&self, value: Value) -> Typed<'a> {
        Typed {
            value: Cow::Owned(value),
            ..self.clone()
        }
    }

    pub(super) fn field_set(&self) -> FieldSet {
        collect::field_set(&self.shape, &self.value)
    }

    /// Its fields, with those of structs as members.
    pub(super) fn named_field_set(&self) -> FieldSet {
        self.named(&self.field_set())
    }

    pub(super) fn named(&self, set: &FieldSet) -> FieldSet {
        collect::with_named(set, &self.shape)
    }

    /// The object in a version; nothing if there is no such version.
    pub(super) fn at(
        &self,
        context: &Context<'a>,
        api_version: &str,
    ) -> Result<Option<Typed<'a>>, String> {
        if self.api_version == api_version {
            return Ok(Some(self.clone()));
        }
        let converted = context.versions.convert(&self.value, api_version)?;
        let Some(Versioned { shape, value }) = converted else {
            return Ok(None);
        };
        check(&shape, &value, Duplicates::Allowed).map_err(|error| error.to_string())?;
        let value = with_nulls(&shape, &value);
        Ok(Some(Typed {
            shape: Cow::Owned(shape),
            api_version: Cow::Owned(api_version.to_owned()),
            value: Cow::Owned(value),
        }))
    }
}

/// The object before it was created: what Go writes for one that nobody filled in.
pub(super) fn empty(shape: &Shape) -> Value {
    zero::of(shape.schema(), shape.id()).unwrap_or_else(|| Value::Object(serde_json::Map::new()))
}
