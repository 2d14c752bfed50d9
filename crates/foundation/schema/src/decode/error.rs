//! What can be wrong with a document, in Go's words.

/// A document that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is not JSON (or YAML).
    #[error("{0}")]
    Syntax(String),
    /// A value has the wrong type.
    #[error("json: cannot unmarshal {found} into Go {place} of type {wanted}")]
    Type {
        /// What stands there: `string`, `number 1.5`, `object` ...
        found: String,
        /// Where: `struct field PodSpec.spec.hostNetwork`, or `value`.
        place: String,
        /// The Go type that was expected.
        wanted: String,
    },
    /// A text is not what its type asks for.
    #[error("{0}")]
    Value(String),
    /// A protobuf message is cut short or broken.
    #[error("{0}")]
    Protobuf(String),
}
