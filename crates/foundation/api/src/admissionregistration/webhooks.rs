//! `MutatingWebhookConfiguration` and `ValidatingWebhookConfiguration`: who else judges requests.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct WebhookConfiguration;

impl Rules for WebhookConfiguration {
    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        (column == "Webhooks").then(|| json!(tree::items(object, "webhooks").len()))
    }
}
