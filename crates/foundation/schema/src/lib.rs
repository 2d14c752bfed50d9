//! The types of objects as data: how they are read, checked, defaulted, merged and written.
//!
//! A [`Schema`] is a set of types, a [`Shape`] one of them. The built-in types come from a generated
//! table; a custom resource makes its own. All functions work on `serde_json::Value` trees, and what
//! they write is byte for byte what Go's encoders write for the same object.
//!
//! A decoded tree holds only known fields; it has every field that Go would always write, and none
//! that Go would leave out.

mod decode;
mod defaults;
mod duration;
mod encode;
pub mod envelope;
pub mod managed;
pub mod openapi;
mod protobuf;
mod schema;
mod strategic;
mod table;
pub mod yaml;
mod zero;

pub use decode::{DecodeError, Decoded, Strictness};
pub use schema::{FieldInfo, ListType, Schema, Shape};
pub use strategic::PatchError;
