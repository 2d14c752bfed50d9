//! What a kind may say for itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use styr_meta::FieldError;

/// What rules may know beside the object.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    pub now: Timestamp,
}

/// Who sends an object, for kinds that write it down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requester {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

/// When `metadata.generation` counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Generation {
    /// A new object has generation 1.
    pub counts: bool,
    /// A change of one of these paths adds 1.
    pub bumped_by: Vec<String>,
}

/// How long a deleted object stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Graceful {
    /// It goes at once.
    No,
    /// It is marked, and goes after so many seconds (0 is at once, but by a second request).
    After(i64),
}

/// Which names objects of a kind may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// As most kinds.
    Subdomain,
    /// As namespaces.
    Label,
    /// As services once were.
    Label1035,
    /// Anything that can stand in a path, as roles.
    PathSegment,
    /// An address, written as it is written everywhere.
    Address,
}

/// The rules of a kind. Every one has a default for the common case; the part that follows from the
/// generated table (status, generation) is added by the table, so a kind says only what is its own.
pub trait Rules: Send + Sync {
    /// Fills in defaults that depend on other fields; the constant ones are there already.
    fn default(&self, _object: &mut Value) {}

    fn prepare_create(&self, _object: &mut Value, _cx: &Context) {}

    /// Writes down who sends a new object; before `prepare_create`.
    fn set_requester(&self, _object: &mut Value, _requester: &Requester) {}

    /// Whether whoever creates an object may give it a status.
    fn takes_status_on_create(&self) -> bool {
        false
    }

    fn prepare_update(&self, _object: &mut Value, _old: &Value, _cx: &Context) {}

    /// Whether an update makes a new generation; nothing means the table decides.
    fn is_new_generation(&self, _object: &Value, _old: &Value) -> Option<bool> {
        None
    }

    fn prepare_status_update(&self, _object: &mut Value, _old: &Value, _cx: &Context) {}

    fn validate(&self, _object: &Value, _cx: &Context) -> Vec<FieldError> {
        Vec::new()
    }

    /// A changed object must be valid; a kind adds what may not change.
    fn validate_update(&self, object: &Value, _old: &Value, cx: &Context) -> Vec<FieldError> {
        self.validate(object, cx)
    }

    fn validate_status_update(
        &self,
        _object: &Value,
        _old: &Value,
        _cx: &Context,
    ) -> Vec<FieldError> {
        Vec::new()
    }

    fn name_rule(&self) -> NameRule {
        NameRule::Subdomain
    }

    /// Whether an update of what is not there creates it.
    fn allow_create_on_update(&self) -> bool {
        false
    }

    /// Whether an update may leave out the resource version.
    fn allow_unconditional_update(&self) -> bool {
        true
    }

    /// The value of a field for field selectors; nothing means the path decides.
    fn selectable(&self, _object: &Value, _field: &str) -> Option<String> {
        None
    }

    /// Puts the rows of a table in order; they are ordered by name.
    fn arrange(&self, _objects: &mut [Value]) {}

    /// One computed cell of the table.
    fn cell(&self, _column: &str, _object: &Value, _cx: &Context) -> Option<Value> {
        None
    }

    /// All cells of the table; nothing means the columns' paths decide.
    fn cells(&self, _object: &Value, _cx: &Context) -> Option<Vec<Value>> {
        None
    }

    /// Turns an object of this version into one of the stored version.
    fn to_storage(&self, _object: &mut Value) {}

    /// Turns an object of the stored version into one of this version.
    #[expect(
        clippy::wrong_self_convention,
        reason = "the object comes from storage, not the rules"
    )]
    fn from_storage(&self, _object: &mut Value) {}

    fn graceful_delete(&self, _object: &Value, _requested: Option<i64>) -> Graceful {
        Graceful::No
    }

    /// Advice for the writer; `old` is there on updates.
    fn warnings(&self, _object: &Value, _old: Option<&Value>, _cx: &Context) -> Vec<String> {
        Vec::new()
    }
}

/// A kind without rules of its own.
#[derive(Debug)]
pub(crate) struct Plain;

impl Rules for Plain {}
