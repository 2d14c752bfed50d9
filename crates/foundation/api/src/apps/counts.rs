//! What the numbers in the status of a workload have to do with one another.

use serde_json::Value;
use styr_meta::FieldError;
use styr_meta::field::Path;

use crate::{numbers, tree};

/// The numbers of one kind's status.
pub(crate) struct StatusCounts {
    /// Never below zero.
    pub(crate) counts: &'static [&'static str],
    /// Of these, what is a part of `replicas`.
    pub(crate) parts: &'static [&'static str],
    /// What the available ones are a part of, as an error says it.
    pub(crate) ready: &'static str,
}

impl StatusCounts {
    /// Checks a status; how often names collided only ever grows.
    pub(crate) fn check(&self, object: &Value, old: &Value) -> Vec<FieldError> {
        let (status, path) = (tree::at(object, "status"), Path::root("status"));
        let mut errors = Vec::new();
        for field in self.counts {
            numbers::count(status, &path, field, &mut errors);
        }
        let mut most = |field: &str, max: i64, of: &str| {
            let number = tree::number(status, field);
            if number > max {
                let text = format!("cannot be greater than {of}");
                errors.push(FieldError::invalid(path.child(field), number, text));
            }
        };
        for field in self.parts {
            most(field, tree::number(status, "replicas"), "status.replicas");
        }
        if self.parts.contains(&"availableReplicas") {
            most(
                "availableReplicas",
                tree::number(status, "readyReplicas"),
                self.ready,
            );
        }
        let (now, before) = (
            tree::number(status, "collisionCount"),
            tree::number(old, "status.collisionCount"),
        );
        if now < before {
            let at = path.child("collisionCount");
            errors.push(FieldError::invalid(at, now, "cannot be decremented"));
        }
        errors
    }
}
