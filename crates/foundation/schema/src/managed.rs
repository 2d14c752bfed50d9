//! Server-side apply, and who owns which field of an object.
//!
//! Every write names its manager. An update makes its manager the owner of what it changes; an
//! apply makes it the owner of what it says, and is refused if that changes what others own. Who
//! owns what is kept in `metadata.managedFields`.
//!
//! All is pure: what is needed of the world comes in a [`Context`]. Follows
//! `sigs.k8s.io/structured-merge-diff` and `k8s.io/apimachinery/pkg/util/managedfields`.

mod apply;
mod atom;
mod check;
mod collect;
mod compare;
mod conflict;
mod context;
mod element;
mod field_set;
pub(crate) mod fields_v1;
mod invalid;
mod last_applied;
mod list_key;
mod managers;
mod merge;
mod nulls;
mod prune;
mod quick;
mod remove;
mod reset;
mod revise;
mod scale;
#[cfg(test)]
mod tests;
mod times;
mod update;
mod values;

use serde_json::Value;

use crate::schema::Shape;
pub use apply::{Force, apply};
pub use compare::Comparison;
pub use conflict::{ApplyError, Conflict};
pub use context::{Context, OneVersion, Versioned, Versions};
pub use element::{BadElement, PathElement};
pub use field_set::FieldSet;
pub use fields_v1::FieldsV1Error;
pub use invalid::Invalid;
pub use managers::{ManagerId, Operation};
pub use reset::{custom_reset_fields, reset_fields};
pub use scale::{ReplicasPaths, from_scale, to_scale};
pub use times::keep_times;
pub use update::update;

/// The fields that an object has.
pub fn field_set(shape: &Shape, object: &Value) -> FieldSet {
    collect::field_set(shape, object)
}

/// What is different between two decoded objects.
pub fn compare(shape: &Shape, old: &Value, new: &Value) -> Result<Comparison, Invalid> {
    compare::decoded(shape, old, new)
}

/// The part of an object that some fields are, such as what a manager owns of it.
pub fn extract(shape: &Shape, object: &Value, fields: &FieldSet) -> Value {
    remove::extract(shape, object, &fields.clone().leaves())
}

/// Whether entries of `metadata.managedFields` can be read, in upstream's words if not.
pub fn check_entries(entries: &[Value]) -> Result<(), String> {
    managers::Managers::decode(entries).map(|_| ())
}
