//! `APIService`: who serves a group and version.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct ApiService;

impl Rules for ApiService {
    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "Service" => Some(json!(service(tree::at(object, "spec.service")))),
            "Available" => Some(json!(available(object))),
            _ => None,
        }
    }
}

fn service(reference: &Value) -> String {
    if reference.is_null() {
        return "Local".to_owned();
    }
    format!(
        "{}/{}",
        tree::text(reference, "namespace"),
        tree::text(reference, "name")
    )
}

fn available(object: &Value) -> String {
    let conditions = tree::items(object, "status.conditions");
    let Some(found) = conditions
        .iter()
        .find(|it| tree::text(it, "type") == "Available")
    else {
        return "Unknown".to_owned();
    };
    match tree::text(found, "status") {
        "True" => "True".to_owned(),
        status => format!("{status} ({})", tree::text(found, "reason")),
    }
}
