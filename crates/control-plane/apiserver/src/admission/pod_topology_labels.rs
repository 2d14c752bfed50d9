//! `PodTopologyLabels`: pods learn zone and region of their node by labels.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_meta::Status;

use super::{Parts, is_at, text};
use crate::attributes::{Admission, AdmissionAttributes, Operation};
use crate::objects::Objects;

const LABELS: [&str; 2] = [
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

#[derive(Debug)]
struct PodTopologyLabels {
    objects: Arc<dyn Objects>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(PodTopologyLabels {
        objects: Arc::clone(parts.objects),
    })
}

#[async_trait]
impl Admission for PodTopologyLabels {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_at(attributes, "", "pods") {
            return Ok(());
        }
        let subresource = attributes.subresource;
        let Some(object) = attributes.object.as_deref_mut() else {
            return Ok(());
        };
        // The labels of a binding go on to its pod.
        let node = match subresource {
            "" => text(&object["spec"]["nodeName"]),
            "binding" if object["target"]["kind"] == "Node" => text(&object["target"]["name"]),
            _ => return Ok(()),
        };
        if node.is_empty() {
            return Ok(());
        }
        let Some(node) = self.objects.get("", "nodes", None, node) else {
            return Ok(());
        };
        for label in LABELS {
            if let value @ Value::String(_) = &node["metadata"]["labels"][label] {
                object["metadata"]["labels"][label] = value.clone();
            }
        }
        Ok(())
    }
}
