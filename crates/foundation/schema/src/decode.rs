//! Reads JSON by type, in one pass over the bytes.
//!
//! Behaves as `sigs.k8s.io/json` does: names are case-sensitive, unknown and duplicate fields are
//! dropped and reported, `null` leaves the zero value, the first value of a wrong type is an error.

mod error;
mod scalar;
mod scanner;
mod typed;

use serde_json::Value;

use crate::schema::Shape;
pub use error::DecodeError;
pub(crate) use scalar::quantity;
pub(crate) use scanner::Scanner;

/// What is to be done about unknown and duplicate fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// They are dropped in silence.
    Ignore,
    /// They are dropped and reported.
    Warn,
    /// They are reported, and the caller refuses the object.
    Strict,
}

/// A tree, and what was wrong with its source.
#[derive(Debug, Clone)]
pub struct Decoded {
    pub value: Value,
    /// Such as `unknown field "spec.foo"`.
    pub problems: Vec<String>,
}

pub(crate) fn json(
    shape: &Shape,
    bytes: &[u8],
    strictness: Strictness,
) -> Result<Decoded, DecodeError> {
    let mut reader = typed::Reader::new(shape.schema(), bytes, strictness);
    let value = reader.document(shape.id())?;
    Ok(Decoded {
        value,
        problems: reader.into_problems(),
    })
}

pub(crate) fn tree(
    shape: &Shape,
    value: Value,
    strictness: Strictness,
) -> Result<Decoded, DecodeError> {
    let bytes = serde_json::to_vec(&value)
        .map_err(|error| DecodeError::Syntax(format!("could not write the tree: {error}")))?;
    drop(value);
    json(shape, &bytes, strictness)
}
