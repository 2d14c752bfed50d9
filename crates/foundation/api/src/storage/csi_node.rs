//! `CSINode`: the drivers of volumes that a node has.

use serde_json::{Value, json};
use styr_meta::FieldError;
use styr_meta::field::Path;

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct CsiNode;

impl Rules for CsiNode {
    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let path = Path::root("spec").child("drivers");
        let mut errors = Vec::new();
        let mut seen = Vec::new();
        for (index, driver) in tree::items(object, "spec.drivers").iter().enumerate() {
            let at = path.index(index);
            let name = tree::text(driver, "name");
            if name.is_empty() {
                errors.push(FieldError::required(at.child("name"), ""));
            } else if seen.contains(&name) {
                errors.push(FieldError::duplicate(at.child("name"), name));
            }
            seen.push(name);
            if tree::text(driver, "nodeID").is_empty() {
                errors.push(FieldError::required(at.child("nodeID"), ""));
            }
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        (column == "Drivers").then(|| json!(tree::items(object, "spec.drivers").len()))
    }
}
