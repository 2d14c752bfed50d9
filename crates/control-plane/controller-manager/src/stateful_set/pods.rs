//! Creates, deletes and repairs a StatefulSet's pods, and tells of it.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use styr_client::Error;
use styr_client::controller::Key;

use super::{StatefulSets, identity};
use crate::shared::{pods, requests};

impl StatefulSets {
    pub(super) async fn create(&self, set: &StatefulSet, pod: &Pod) -> Result<(), Error> {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let set_name = set.metadata.name.as_deref().unwrap_or_default();
        let recorder = &self.context.recorder;
        match self.context.client.create(pod).await {
            Ok(_) => {
                let text = format!("create Pod {name} in StatefulSet {set_name} successful");
                recorder.normal(set, "SuccessfulCreate", text);
                Ok(())
            }
            // The cache is behind; its event brings us back.
            Err(error) if error.is_already_exists() || error.is_namespace_terminating() => Ok(()),
            Err(error) => {
                let text = format!(
                    "create Pod {name} in StatefulSet {set_name} failed error: {}",
                    requests::told(&error)
                );
                recorder.warning(set, "FailedCreate", text);
                Err(error)
            }
        }
    }

    pub(super) async fn delete(&self, set: &StatefulSet, pod: &Pod) -> Result<(), Error> {
        let Key { namespace, name } = Key::of(pod);
        let set_name = set.metadata.name.as_deref().unwrap_or_default();
        let options = requests::exactly(&pod.metadata);
        if pods::phase(pod) == "Failed" {
            let text =
                format!("StatefulSet {namespace}/{set_name} is recreating failed Pod {name}");
            self.context
                .recorder
                .warning(set, "RecreatingFailedPod", text);
        }
        let deleted = self
            .context
            .client
            .delete::<Pod>(&namespace, &name, &options)
            .await;
        if Error::unless_not_found(deleted)?.is_some() {
            let text = format!("delete Pod {name} in StatefulSet {set_name} successful");
            self.context.recorder.normal(set, "SuccessfulDelete", text);
        }
        Ok(())
    }

    /// Gives a pod back the labels that it is found by.
    pub(super) async fn repair(&self, pod: &Pod) -> Result<(), Error> {
        let Key { namespace, name } = Key::of(pod);
        let patch = json!({ "metadata": {
            "uid": pod.metadata.uid, "labels": identity::labels(&name),
        }});
        let patched = self
            .context
            .client
            .strategic_patch::<Pod>(&namespace, &name, &patch)
            .await;
        if let Some(patched) = Error::unless_not_found(patched)? {
            self.pods.observe_write(patched);
        }
        Ok(())
    }
}
