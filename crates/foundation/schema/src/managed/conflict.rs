//! Why an apply was refused, and the answer that says so.

use std::collections::BTreeMap;

use styr_meta::field::quoted;
use styr_meta::{Status, StatusCause, StatusDetails};

use super::element::{PathElement, path_text};
use super::field_set::FieldSet;
use super::managers::{ManagerId, Operation};

/// A field that somebody else owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub manager: ManagerId,
    pub path: Vec<PathElement>,
}

/// Why a configuration was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// It changes what others own, and was not forced.
    #[error("{}", message(.0))]
    Conflicts(Vec<Conflict>),
    /// It is no configuration that can be applied.
    #[error("{0}")]
    BadRequest(String),
    /// It does not fit the type, or the live object could not be read.
    #[error("{0}")]
    Failed(String),
}

impl ApplyError {
    /// The answer to the client.
    pub fn status(&self) -> Status {
        match self {
            Self::Conflicts(conflicts) => {
                let causes = conflicts.iter().map(cause).collect();
                Status::failure(409, "Conflict", message(conflicts)).with_details(StatusDetails {
                    causes,
                    ..StatusDetails::default()
                })
            }
            Self::BadRequest(message) => Status::failure(400, "BadRequest", message.as_str()),
            Self::Failed(message) => Status::failure(500, "", message.as_str()),
        }
    }
}

/// The conflicts that sets stand for, by manager.
pub(super) fn of_sets(sets: &BTreeMap<ManagerId, FieldSet>) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for (manager, set) in sets {
        set.for_each(|path| {
            conflicts.push(Conflict {
                manager: manager.clone(),
                path: path.to_vec(),
            });
        });
    }
    conflicts
}

fn cause(conflict: &Conflict) -> StatusCause {
    StatusCause {
        reason: "FieldManagerConflict".to_owned(),
        message: format!("conflict with {}", name(&conflict.manager)),
        field: path_text(&conflict.path),
    }
}

fn message(conflicts: &[Conflict]) -> String {
    if let [conflict] = conflicts {
        let (name, path) = (name(&conflict.manager), path_text(&conflict.path));
        return format!("Apply failed with 1 conflict: conflict with {name}: {path}");
    }
    let mut by_manager: BTreeMap<&ManagerId, Vec<String>> = BTreeMap::new();
    for conflict in conflicts {
        let lines = by_manager
            .entry(&conflict.manager)
            .or_insert_with(|| vec![format!("conflicts with {}:", name(&conflict.manager))]);
        lines.push(format!("- {}", path_text(&conflict.path)));
    }
    let lines: Vec<String> = by_manager.into_values().flatten().collect();
    let count = conflicts.len();
    format!("Apply failed with {count} conflicts: {}", lines.join("\n"))
}

fn name(manager: &ManagerId) -> String {
    let mut text = quoted(&manager.manager);
    if !manager.subresource.is_empty() {
        text.push_str(&format!(
            " with subresource {}",
            quoted(&manager.subresource)
        ));
    }
    if manager.operation == Operation::Update {
        text.push_str(&format!(" using {}", manager.api_version));
    }
    text
}
