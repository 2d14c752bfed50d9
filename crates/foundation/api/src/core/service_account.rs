//! `ServiceAccount`: <https://kubernetes.io/docs/concepts/security/service-accounts/>.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct ServiceAccount;

impl Rules for ServiceAccount {
    fn prepare_create(&self, object: &mut Value, _cx: &Context) {
        named_only(object);
    }

    fn prepare_update(&self, object: &mut Value, _old: &Value, _cx: &Context) {
        named_only(object);
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        (column == "Secrets").then(|| json!(tree::items(object, "secrets").len()))
    }
}

/// References to secrets are kept by name alone.
fn named_only(object: &mut Value) {
    for secret in tree::items_mut(object, "secrets") {
        *secret = match secret.get("name") {
            Some(name) => json!({ "name": name }),
            None => json!({}),
        };
    }
}
