//! `PriorityLevelConfiguration`: how many requests of a level may be served at once.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct PriorityLevelConfiguration;

impl Rules for PriorityLevelConfiguration {
    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let limited = tree::at(object, "spec.limited");
        let path = match column {
            "NominalConcurrencyShares" => "nominalConcurrencyShares",
            "Queues" => "limitResponse.queuing.queues",
            "HandSize" => "limitResponse.queuing.handSize",
            "QueueLengthLimit" => "limitResponse.queuing.queueLengthLimit",
            _ => return None,
        };
        Some(match tree::at(limited, path) {
            Value::Null => json!("<none>"),
            number => number.clone(),
        })
    }
}
