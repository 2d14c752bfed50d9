//! `RuntimeClass`: a pod's overhead and where it may run come from its runtime class.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_meta::{Quantity, Status};

use super::{Parts, forbidden, is_of, items, push, text};
use crate::attributes::{Admission, AdmissionAttributes, Operation};
use crate::objects::Objects;

const CLASSES: (&str, &str) = ("node.k8s.io", "runtimeclasses");

#[derive(Debug)]
struct RuntimeClass {
    objects: Arc<dyn Objects>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(RuntimeClass {
        objects: Arc::clone(parts.objects),
    })
}

#[async_trait]
impl Admission for RuntimeClass {
    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        let Some(class) = self.class(attributes).await? else {
            return Ok(());
        };
        let Some(pod) = attributes.object.as_deref() else {
            return Ok(());
        };
        let overhead = &class["overhead"]["podFixed"];
        if !pod["spec"]["overhead"].is_null() && !same(&pod["spec"]["overhead"], overhead) {
            return Err(mismatch(attributes));
        }
        if let Some(why) = conflict(pod, &class["scheduling"]["nodeSelector"]) {
            return Err(forbidden(attributes, why));
        }
        if let Some(pod) = attributes.object.as_deref_mut() {
            write(pod, &class);
        }
        Ok(())
    }

    async fn validate(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        let class = self.class(attributes).await?.unwrap_or_default();
        let Some(pod) = attributes.object.as_deref() else {
            return Ok(());
        };
        if !is_of(attributes, "", "pods") {
            return Ok(());
        }
        let (has, wanted) = (&pod["spec"]["overhead"], &class["overhead"]["podFixed"]);
        if wanted.is_null() && !has.is_null() {
            let why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined \
                       Overhead";
            return Err(forbidden(attributes, why));
        }
        if same(has, wanted) {
            Ok(())
        } else {
            Err(mismatch(attributes))
        }
    }
}

impl RuntimeClass {
    /// The class that a pod names.
    async fn class(
        &self,
        attributes: &AdmissionAttributes<'_>,
    ) -> Result<Option<Arc<Value>>, Status> {
        if !is_of(attributes, "", "pods") {
            return Ok(None);
        }
        let pod = attributes.object.as_deref();
        let name = pod.and_then(|pod| pod["spec"]["runtimeClassName"].as_str());
        let Some(name) = name else { return Ok(None) };
        let (group, plural) = CLASSES;
        if let Some(cached) = self.objects.get(group, plural, None, name) {
            return Ok(Some(cached));
        }
        match self.objects.get_latest(group, plural, None, name).await {
            Some(class) => Ok(Some(class)),
            None => {
                let why = format!("pod rejected: RuntimeClass {name:?} not found");
                Err(forbidden(attributes, why))
            }
        }
    }
}

fn mismatch(attributes: &AdmissionAttributes<'_>) -> Status {
    let why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
    forbidden(attributes, why)
}

/// Whether two lists of resources are the same, however they are written.
fn same(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        return a.as_object().is_none_or(serde_json::Map::is_empty)
            && b.as_object().is_none_or(serde_json::Map::is_empty);
    };
    let is_in_b = |(name, amount): (&String, &Value)| {
        let other = b.get(name).and_then(Quantity::from_value);
        other.is_some() && Quantity::from_value(amount) == other
    };
    a.len() == b.len() && a.iter().all(is_in_b)
}

fn conflict(pod: &Value, selector: &Value) -> Option<String> {
    let wanted = selector.as_object().into_iter().flatten();
    wanted.into_iter().find_map(|(key, value)| {
        let said = pod["spec"]["nodeSelector"][key]
            .as_str()
            .filter(|said| value != said)?;
        Some(format!(
            "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {}; \
             pod.spec.nodeSelector[{key}] = {said}",
            text(value)
        ))
    })
}

fn write(pod: &mut Value, class: &Value) {
    let spec = &mut pod["spec"];
    let overhead = &class["overhead"]["podFixed"];
    if !overhead.is_null() {
        spec["overhead"] = overhead.clone();
    }
    for (key, value) in class["scheduling"]["nodeSelector"]
        .as_object()
        .into_iter()
        .flatten()
    {
        spec["nodeSelector"][key] = value.clone();
    }
    for toleration in items(&class["scheduling"]["tolerations"]) {
        if !items(&spec["tolerations"]).any(|known| known == toleration) {
            push(&mut spec["tolerations"], toleration.clone());
        }
    }
}
