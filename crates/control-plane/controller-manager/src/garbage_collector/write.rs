//! The writes of the collector: deletions, and patches of metadata that hold only for what was read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions};
use serde_json::{Value, json};
use styr_client::{Error, Patch};

use super::Collector;
use super::graph::Node;

impl Collector {
    fn path(node: &Node) -> String {
        let address = node
            .address
            .as_ref()
            .expect("only what was seen is written");
        address.object(&node.namespace, &node.name, "")
    }

    /// Deletes the object as it was read, no other.
    pub(super) async fn delete(
        &self,
        node: &Node,
        latest: &ObjectMeta,
        policy: &str,
    ) -> anyhow::Result<()> {
        let options = DeleteOptions {
            propagation_policy: Some(policy.to_owned()),
            preconditions: Some(Preconditions {
                uid: latest.uid.clone(),
                resource_version: latest.resource_version.clone(),
            }),
            ..DeleteOptions::default()
        };
        let deleted = self
            .context
            .client
            .delete_path(&Self::path(node), &options)
            .await;
        Error::unless_not_found(deleted)?;
        Ok(())
    }

    async fn patch(
        &self,
        node: &Node,
        latest: &ObjectMeta,
        mut metadata: Value,
    ) -> anyhow::Result<()> {
        metadata["uid"] = json!(latest.uid);
        metadata["resourceVersion"] = json!(latest.resource_version);
        let patch = json!({ "metadata": metadata });
        let path = Self::path(node);
        let patched: Result<Value, Error> = self
            .context
            .client
            .patch_path(&path, Patch::Merge, &patch)
            .await;
        Error::unless_not_found(patched)?;
        Ok(())
    }

    /// Takes owners off an object.
    pub(super) async fn release(
        &self,
        node: &Node,
        latest: &ObjectMeta,
        owners: &[String],
    ) -> anyhow::Result<()> {
        let references = latest.owner_references.clone().unwrap_or_default();
        let count = references.len();
        let kept: Vec<_> = references
            .into_iter()
            .filter(|reference| !owners.contains(&reference.uid))
            .collect();
        if kept.len() == count {
            return Ok(());
        }
        self.patch(node, latest, json!({ "ownerReferences": kept }))
            .await
    }

    /// Lets all owners go without waiting for this object.
    pub(super) async fn unblock(&self, node: &Node, latest: &ObjectMeta) -> anyhow::Result<()> {
        let mut references = latest.owner_references.clone().unwrap_or_default();
        for reference in &mut references {
            reference.block_owner_deletion = Some(false);
        }
        self.patch(node, latest, json!({ "ownerReferences": references }))
            .await
    }

    pub(super) async fn remove_finalizer(
        &self,
        node: &Node,
        latest: &ObjectMeta,
        finalizer: &str,
    ) -> anyhow::Result<()> {
        let mut finalizers = latest.finalizers.clone().unwrap_or_default();
        let count = finalizers.len();
        finalizers.retain(|known| known != finalizer);
        if finalizers.len() == count {
            return Ok(());
        }
        self.patch(node, latest, json!({ "finalizers": finalizers }))
            .await
    }
}
