//! `FlowSchema`: which requests go to which priority level.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct FlowSchema;

impl Rules for FlowSchema {
    /// In the order in which they are asked.
    fn arrange(&self, objects: &mut [Value]) {
        objects.sort_by_key(|it| it["spec"]["matchingPrecedence"].as_i64());
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "DistinguisherMethod" => Some(cells::or_none(tree::text(
                object,
                "spec.distinguisherMethod.type",
            ))),
            "MissingPL" => {
                let conditions = tree::items(object, "status.conditions");
                let dangling = conditions
                    .iter()
                    .find(|it| tree::text(it, "type") == "Dangling");
                Some(json!(dangling.map_or("?", |it| tree::text(it, "status"))))
            }
            _ => None,
        }
    }
}
