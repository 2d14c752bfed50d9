//! Patches that need no schema: JSON patch (RFC 6902) and merge patch (RFC 7386).

mod json_patch;
mod merge_patch;
#[cfg(test)]
mod tests;

pub use json_patch::json_patch;
pub use merge_patch::merge_patch;

/// A patch that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch is no patch, or asks for too much.
    #[error("{0}")]
    Malformed(String),
    /// The patch does not fit the object.
    #[error("{0}")]
    DoesNotApply(String),
}
