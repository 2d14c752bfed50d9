//! `Priority`: turns the name of a pod's priority class into numbers; one class at most is default.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_meta::Status;

use super::{Parts, forbidden, is_of, text};
use crate::attributes::{Admission, AdmissionAttributes, Operation};
use crate::objects::Objects;

const GROUP: &str = "scheduling.k8s.io";
const CLASSES: &str = "priorityclasses";

#[derive(Debug)]
struct Priority {
    objects: Arc<dyn Objects>,
}

/// What a class gives a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Given {
    class: String,
    priority: i64,
    /// Empty if the class says nothing.
    policy: String,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    Arc::new(Priority {
        objects: Arc::clone(parts.objects),
    })
}

#[async_trait]
impl Admission for Priority {
    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_of(attributes, "", "pods") {
            return Ok(());
        }
        match attributes.operation {
            Operation::Create => self.create(attributes).await,
            _ => {
                keep(attributes);
                Ok(())
            }
        }
    }

    async fn validate(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_of(attributes, GROUP, CLASSES) {
            return Ok(());
        }
        let Some(class) = attributes.object.as_deref() else {
            return Ok(());
        };
        if class["globalDefault"] != true {
            return Ok(());
        }
        let Some(default) = self.default_class() else {
            return Ok(());
        };
        let name = text(&default["metadata"]["name"]);
        if attributes.operation == Operation::Update && class["metadata"]["name"] == name {
            return Ok(());
        }
        let why = format!(
            "PriorityClass {name} is already marked as default. Only one default can exist"
        );
        Err(forbidden(attributes, why))
    }
}

impl Priority {
    async fn create(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        let Some(pod) = attributes.object.as_deref() else {
            return Ok(());
        };
        let name = text(&pod["spec"]["priorityClassName"]);
        let given = match name {
            "" => self
                .default_class()
                .map_or_else(Given::without_class, |it| Given::by(&it)),
            name => match self.class(name).await {
                Some(class) => Given::by(&class),
                None => {
                    let why = format!("no PriorityClass with name {name} was found");
                    return Err(forbidden(attributes, why));
                }
            },
        };
        if let Some(why) = given.contradiction(pod) {
            return Err(forbidden(attributes, why));
        }
        if let Some(pod) = attributes.object.as_deref_mut() {
            given.write(pod);
        }
        Ok(())
    }

    /// A class that was made a moment ago counts as well.
    async fn class(&self, name: &str) -> Option<Arc<Value>> {
        if let Some(cached) = self.objects.get(GROUP, CLASSES, None, name) {
            return Some(cached);
        }
        self.objects.get_latest(GROUP, CLASSES, None, name).await
    }

    /// Of several default classes, which only a race can make, the lowest.
    fn default_class(&self) -> Option<Arc<Value>> {
        let classes = self.objects.list(GROUP, CLASSES, None);
        let defaults = classes
            .into_iter()
            .filter(|class| class["globalDefault"] == true);
        defaults.min_by_key(|class| class["value"].as_i64().unwrap_or(0))
    }
}

impl Given {
    fn without_class() -> Self {
        Self {
            policy: "PreemptLowerPriority".to_owned(),
            ..Self::default()
        }
    }

    fn by(class: &Value) -> Self {
        Self {
            class: text(&class["metadata"]["name"]).to_owned(),
            priority: class["value"].as_i64().unwrap_or(0),
            policy: text(&class["preemptionPolicy"]).to_owned(),
        }
    }

    /// What a pod says itself must be the same.
    fn contradiction(&self, pod: &Value) -> Option<String> {
        let priority = pod["spec"]["priority"]
            .as_i64()
            .filter(|it| *it != self.priority);
        if let Some(said) = priority {
            return Some(format!(
                "the integer value of priority ({said}) must not be provided in pod spec; \
                 priority admission controller computed {} from the given PriorityClass name",
                self.priority
            ));
        }
        let said = pod["spec"]["preemptionPolicy"]
            .as_str()
            .filter(|it| *it != self.policy)?;
        (!self.policy.is_empty()).then(|| {
            format!(
                "the string value of PreemptionPolicy ({said}) must not be provided in pod spec; \
                 priority admission controller computed {} from the given PriorityClass name",
                self.policy
            )
        })
    }

    fn write(&self, pod: &mut Value) {
        let spec = &mut pod["spec"];
        spec["priority"] = self.priority.into();
        if !self.class.is_empty() {
            spec["priorityClassName"] = self.class.as_str().into();
        }
        if !self.policy.is_empty() {
            spec["preemptionPolicy"] = self.policy.as_str().into();
        }
    }
}

/// Writers that do not know these fields leave them as they are.
fn keep(attributes: &mut AdmissionAttributes<'_>) {
    let Some(old) = attributes.old_object else {
        return;
    };
    let Some(pod) = attributes.object.as_deref_mut() else {
        return;
    };
    for field in ["priority", "preemptionPolicy"] {
        if pod["spec"][field].is_null() && !old["spec"][field].is_null() {
            pod["spec"][field] = old["spec"][field].clone();
        }
    }
}
