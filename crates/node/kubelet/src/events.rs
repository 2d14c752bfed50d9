//! Events about pods and about the node; dropped where there is no API server to tell.

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use styr_client::events::{EventType, Recorder};

use crate::pod;

/// Tells events. Clones share the queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events {
    recorder: Option<Recorder>,
    node: String,
}

impl Events {
    pub(crate) fn new(recorder: Recorder, node: &str) -> Self {
        Self {
            recorder: Some(recorder),
            node: node.to_owned(),
        }
    }

    pub(crate) fn normal(&self, pod: &Pod, reason: &str, message: impl Into<String>) {
        self.tell(
            reference(pod, None),
            EventType::Normal,
            reason,
            message.into(),
        );
    }

    pub(crate) fn warning(&self, pod: &Pod, reason: &str, message: impl Into<String>) {
        self.tell(
            reference(pod, None),
            EventType::Warning,
            reason,
            message.into(),
        );
    }

    /// About one container of a pod.
    pub(crate) fn container(
        &self,
        (pod, container): (&Pod, &str),
        kind: EventType,
        reason: &str,
        message: impl Into<String>,
    ) {
        self.tell(
            reference(pod, Some(container)),
            kind,
            reason,
            message.into(),
        );
    }

    /// About the node itself; upstream uses its name as its uid here.
    pub(crate) fn node(&self, kind: EventType, reason: &str, message: impl Into<String>) {
        let node = ObjectReference {
            kind: Some("Node".into()),
            name: Some(self.node.clone()),
            uid: Some(self.node.clone()),
            ..ObjectReference::default()
        };
        self.tell(node, kind, reason, message.into());
    }

    fn tell(&self, object: ObjectReference, kind: EventType, reason: &str, message: String) {
        let name = object.name.as_deref().unwrap_or_default();
        tracing::debug!(object = name, reason, message, "event");
        if let Some(recorder) = &self.recorder {
            recorder.record(object, kind, reason, message);
        }
    }
}

fn reference(pod: &Pod, container: Option<&str>) -> ObjectReference {
    let mut object = styr_client::events::reference(pod);
    object.field_path = container.map(|name| {
        let list = if pod::is_init(pod, name) {
            "initContainers"
        } else if pod::containers(pod)
            .iter()
            .any(|container| container.name == name)
        {
            "containers"
        } else {
            "ephemeralContainers"
        };
        format!("spec.{list}{{{name}}}")
    });
    object
}
