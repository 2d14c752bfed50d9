//! Creates and deletes a DaemonSet's pods, and tells of it.

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use styr_client::Error;
use styr_client::controller::Key;

use super::plan::{Observed, Removal};
use super::{DaemonSets, template};
use crate::shared::requests;

impl DaemonSets {
    pub(super) async fn create(
        &self,
        key: &Key,
        observed: &Observed,
        node: &str,
    ) -> Result<(), Error> {
        let daemon_set = &*observed.daemon_set;
        let pod = template::pod(daemon_set, node, &observed.hash);
        let recorder = &self.context.recorder;
        match self.context.client.create(&pod).await {
            Ok(pod) => {
                let name = pod.metadata.name.unwrap_or_default();
                recorder.normal(
                    daemon_set,
                    "SuccessfulCreate",
                    format!("Created pod: {name}"),
                );
                Ok(())
            }
            Err(error) => {
                // The creation will not be seen.
                self.expectations.creation_observed(key);
                if error.is_namespace_terminating() {
                    return Ok(());
                }
                let text = requests::told(&error);
                recorder.warning(
                    daemon_set,
                    "FailedCreate",
                    format!("Error creating: {text}"),
                );
                Err(error)
            }
        }
    }

    pub(super) async fn delete(
        &self,
        key: &Key,
        daemon_set: &DaemonSet,
        removal: &Removal,
    ) -> Result<(), Error> {
        let pod_key = Key::of(&*removal.pod);
        let Key { namespace, name } = &pod_key;
        let recorder = &self.context.recorder;
        if let Some(node) = &removal.failed_on {
            let text =
                format!("Found failed daemon pod {pod_key} on node {node}, will try to kill it");
            recorder.warning(daemon_set, "FailedDaemonPod", text);
        }
        let options = requests::exactly(&removal.pod.metadata);
        match self
            .context
            .client
            .delete::<Pod>(namespace, name, &options)
            .await
        {
            Ok(()) => {
                recorder.normal(
                    daemon_set,
                    "SuccessfulDelete",
                    format!("Deleted pod: {name}"),
                );
                Ok(())
            }
            Err(error) => {
                self.expectations.deletion_observed(key, &pod_key);
                if error.is_not_found() || error.is_conflict() {
                    return Ok(());
                }
                let text = requests::told(&error);
                recorder.warning(
                    daemon_set,
                    "FailedDelete",
                    format!("Error deleting: {text}"),
                );
                Err(error)
            }
        }
    }
}
