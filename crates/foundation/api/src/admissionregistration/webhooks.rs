//! `MutatingWebhookConfiguration` and `ValidatingWebhookConfiguration`: who else judges requests.

use serde_json::{Value, json};
use styr_meta::object;

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct WebhookConfiguration;

impl Rules for WebhookConfiguration {
    fn prepare_create(&self, object: &mut Value, _cx: &Context) {
        object::set_generation(object, 1);
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &Context) {
        let same = tree::same(tree::at(object, "webhooks"), tree::at(old, "webhooks"));
        object::set_generation(object, object::generation(old) + i64::from(!same));
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        (column == "Webhooks").then(|| json!(tree::items(object, "webhooks").len()))
    }
}
