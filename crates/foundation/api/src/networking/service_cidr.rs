//! `ServiceCIDR`: a range that Services get their addresses from.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct ServiceCidr;

impl Rules for ServiceCidr {
    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let ranges = tree::items(object, "spec.cidrs")
            .iter()
            .filter_map(Value::as_str);
        (column == "CIDRs").then(|| json!(ranges.collect::<Vec<_>>().join(",")))
    }
}
