//! `IPAddress`: an address of a Service that is taken.

use serde_json::{Value, json};

use crate::rules::{Context, NameRule, Rules};
use crate::tree;

pub(crate) struct IpAddress;

impl Rules for IpAddress {
    fn name_rule(&self) -> NameRule {
        NameRule::Address
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "Name" => Some(json!(styr_meta::object::name(object))),
            "ParentRef" => Some(json!(parent(tree::at(object, "spec.parentRef")))),
            _ => None,
        }
    }
}

fn parent(reference: &Value) -> String {
    if reference.is_null() {
        return "<none>".to_owned();
    }
    let text = |field: &str| tree::text(reference, field);
    let mut parent = text("resource").to_lowercase();
    if !text("group").is_empty() {
        parent = format!("{parent}.{}", text("group").to_lowercase());
    }
    if !text("namespace").is_empty() {
        parent = format!("{parent}/{}", text("namespace"));
    }
    format!("{parent}/{}", text("name"))
}
