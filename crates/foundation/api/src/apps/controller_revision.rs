//! `ControllerRevision`: what a controller has asked for at some time.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, GroupVersion, object};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct ControllerRevision;

impl Rules for ControllerRevision {
    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let revision = tree::number(object, "revision");
        if revision < 0 {
            let text = "must be greater than or equal to 0";
            errors.push(FieldError::invalid("revision", revision, text));
        }
        if tree::at(object, "data").is_null() {
            errors.push(FieldError::required("data", "data is mandatory"));
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        if tree::at(object, "data") != tree::at(old, "data") {
            let value = tree::at(object, "data").clone();
            errors.push(FieldError::invalid(
                Path::root("data"),
                value,
                "field is immutable",
            ));
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "Controller" => Some(json!(controller(object))),
            "Revision" => Some(json!(tree::number(object, "revision"))),
            _ => None,
        }
    }
}

fn controller(object: &Value) -> String {
    let Some(owner) = object::controller(object) else {
        return "<none>".to_owned();
    };
    let kind = tree::text(owner, "kind").to_lowercase();
    let name = tree::text(owner, "name");
    let group = GroupVersion::parse(tree::text(owner, "apiVersion")).map(|it| it.group);
    match group.unwrap_or_default().as_str() {
        "" => format!("{kind}/{name}"),
        group => format!("{kind}.{group}/{name}"),
    }
}
