//! `TaintNodesByCondition`: a new node is not ready until the node controller says so.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use styr_meta::Status;

use super::{Parts, is_of, items, push};
use crate::attributes::{Admission, AdmissionAttributes, Operation};

const TAINT: &str = "node.kubernetes.io/not-ready";
const EFFECT: &str = "NoSchedule";

#[derive(Debug)]
struct TaintNodesByCondition;

pub(super) fn make(_: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(TaintNodesByCondition)
}

#[async_trait]
impl Admission for TaintNodesByCondition {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_of(attributes, "", "nodes") {
            return Ok(());
        }
        let Some(node) = attributes.object.as_deref_mut() else {
            return Ok(());
        };
        let is_tainted = items(&node["spec"]["taints"])
            .any(|taint| taint["key"] == TAINT && taint["effect"] == EFFECT);
        if !is_tainted {
            push(
                &mut node["spec"]["taints"],
                json!({"key": TAINT, "effect": EFFECT}),
            );
        }
        Ok(())
    }
}
