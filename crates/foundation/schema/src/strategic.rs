//! Strategic merge patch.

use serde_json::Value;

use crate::schema::Shape;

/// A patch that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    #[error("{0}")]
    Malformed(String),
}

pub(crate) fn merge(_shape: &Shape, _current: &Value, _patch: &Value) -> Result<Value, PatchError> {
    Err(PatchError::Malformed(
        "strategic merge patch: not implemented".to_owned(),
    ))
}
