//! One served resource of one version.

use std::collections::BTreeMap;
use std::fmt;

use styr_schema::Shape;

use crate::rules::{Generation, Rules};

/// Everything that the generic path needs to know about a resource.
#[derive(Clone)]
pub struct Kind {
    pub group: String,
    pub version: String,
    pub kind: String,
    /// Empty if it cannot be listed.
    pub list_kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    /// Sorted.
    pub verbs: Vec<String>,
    pub subresources: Vec<Subresource>,
    /// Such as `/registry/pods`; empty if it is not stored.
    pub storage_prefix: String,
    /// Group and version of what is stored.
    pub storage_version: (String, String),
    pub storage_version_hash: String,
    pub shape: Shape,
    /// The list; the shape of the kind itself if it has none.
    pub list_shape: Shape,
    pub columns: Vec<Column>,
    pub field_selectors: Vec<String>,
    /// Labels of fields that stand for others.
    pub field_selector_aliases: BTreeMap<String, String>,
    pub generation: Generation,
    pub rules: &'static dyn Rules,
}

/// A part of a resource with its own path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subresource {
    pub name: String,
    /// Such as `autoscaling/v1`.
    pub group_version: String,
    pub kind: String,
    pub verbs: Vec<String>,
}

/// A column of the table that clients print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    /// `string`, `integer` ...
    pub kind: String,
    /// `name` or nothing.
    pub format: String,
    /// 0 is always shown, 1 only on wide terminals.
    pub priority: i64,
    /// Such as `.metadata.name`; empty if the cell is computed.
    pub path: String,
}

impl Column {
    /// The explanation of the column.
    pub fn description(&self) -> &'static str {
        ""
    }
}

impl Kind {
    /// Such as `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// A subresource by its name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|it| it.name == name)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({}/{})", self.api_version(), self.plural)
    }
}
