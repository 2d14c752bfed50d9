//! `ResourceQuota`: <https://kubernetes.io/docs/concepts/policy/resource-quotas/>.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct ResourceQuota;

impl Rules for ResourceQuota {
    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "Request" => Some(json!(used(object, |name| !name.starts_with("limits.")))),
            "Limit" => Some(json!(used(object, |name| name.starts_with("limits.")))),
            _ => None,
        }
    }
}

/// How much of how much is used.
fn used(object: &Value, wanted: impl Fn(&str) -> bool) -> String {
    let (hard, used) = (
        tree::at(object, "status.hard"),
        tree::at(object, "status.used"),
    );
    let mut all: Vec<String> = hard
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted(name))
        .map(|(name, amount)| {
            let now = used.get(name).and_then(Value::as_str).unwrap_or("0");
            format!("{name}: {now}/{}", amount.as_str().unwrap_or_default())
        })
        .collect();
    all.sort();
    all.join(", ")
}
