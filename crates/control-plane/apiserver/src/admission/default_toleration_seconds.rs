//! `DefaultTolerationSeconds`: how long pods stay on nodes that are not ready or not reachable.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use styr_meta::Status;

use super::{Parts, is_of, items, push, text};
use crate::attributes::{Admission, AdmissionAttributes, Operation};

const EFFECT: &str = "NoExecute";

#[derive(Debug)]
struct DefaultTolerationSeconds {
    /// Taint and seconds.
    defaults: [(&'static str, i64); 2],
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    let not_ready = parts.config.default_not_ready_toleration_seconds;
    let unreachable = parts.config.default_unreachable_toleration_seconds;
    Arc::new(DefaultTolerationSeconds {
        defaults: [
            ("node.kubernetes.io/not-ready", not_ready),
            ("node.kubernetes.io/unreachable", unreachable),
        ],
    })
}

#[async_trait]
impl Admission for DefaultTolerationSeconds {
    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_of(attributes, "", "pods") {
            return Ok(());
        }
        let Some(pod) = attributes.object.as_deref_mut() else {
            return Ok(());
        };
        let missing = self.defaults.map(|(key, seconds)| {
            let is_missing = !tolerates(&pod["spec"]["tolerations"], key);
            is_missing.then(|| toleration(key, seconds))
        });
        for toleration in missing.into_iter().flatten() {
            push(&mut pod["spec"]["tolerations"], toleration);
        }
        Ok(())
    }
}

fn tolerates(tolerations: &Value, key: &str) -> bool {
    items(tolerations).any(|toleration| {
        let (given, effect) = (text(&toleration["key"]), text(&toleration["effect"]));
        (given == key || given.is_empty()) && (effect == EFFECT || effect.is_empty())
    })
}

fn toleration(key: &str, seconds: i64) -> Value {
    json!({"key": key, "operator": "Exists", "effect": EFFECT, "tolerationSeconds": seconds})
}
