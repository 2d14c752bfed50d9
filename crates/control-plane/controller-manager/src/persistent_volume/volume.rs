//! A volume: available, bound, or released when its claim has gone.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use serde_json::{Value, json};
use styr_client::Error;

use super::bind::Binder;
use super::{BOUND_BY_CONTROLLER, PROVISIONED_BY, annotation, claim_ref, volume_name};

type Volume = Arc<PersistentVolume>;

fn phase(volume: &PersistentVolume) -> &str {
    volume
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

fn reclaims(volume: &PersistentVolume) -> &str {
    let spec = volume.spec.as_ref();
    spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref())
        .unwrap_or("Retain")
}

impl Binder {
    pub(super) async fn reconcile_volume(&self, volume: &Volume) -> anyhow::Result<()> {
        let Some(reference) = claim_ref(volume) else {
            return self.set_volume_phase(volume, "Available", "").await;
        };
        let Some(uid) = reference.uid.as_deref().filter(|uid| !uid.is_empty()) else {
            // Reserved; the claim's side binds it.
            return self.set_volume_phase(volume, "Available", "").await;
        };
        let namespace = reference.namespace.as_deref().unwrap_or_default();
        let name = reference.name.as_deref().unwrap_or_default();
        let cached = self.claims.get(Some(namespace), name);
        let claim = match cached.filter(|claim| claim.metadata.uid.as_deref() == Some(uid)) {
            Some(claim) => Some(claim),
            None => self.ask_for_claim(namespace, name, uid).await?,
        };
        let Some(claim) = claim else {
            return self.release(volume).await;
        };
        let bound_to = volume_name(&claim);
        if bound_to.is_empty() {
            // The claim's side completes it.
            return Ok(());
        }
        if Some(bound_to) == volume.metadata.name.as_deref() {
            return self.set_volume_phase(volume, "Bound", "").await;
        }
        let is_made_for_it = annotation(&volume.metadata, PROVISIONED_BY).is_some();
        if is_made_for_it && reclaims(volume) == "Delete" {
            return self.release(volume).await;
        }
        self.unbind(volume).await
    }

    /// The cache may be behind, and what is released may be deleted.
    async fn ask_for_claim(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> anyhow::Result<Option<Arc<PersistentVolumeClaim>>> {
        let found = self
            .context
            .client
            .get::<PersistentVolumeClaim>(namespace, name)
            .await;
        let found = Error::unless_not_found(found)?;
        Ok(found
            .filter(|claim| claim.metadata.uid.as_deref() == Some(uid))
            .map(Arc::new))
    }

    /// The claim is gone. Whoever made the volume deletes it, if its policy says so.
    async fn release(&self, volume: &Volume) -> anyhow::Result<()> {
        if phase(volume) == "Failed" {
            return Ok(());
        }
        self.set_volume_phase(volume, "Released", "").await?;
        if reclaims(volume) == "Recycle" {
            let text = "the reclaim policy Recycle is not supported";
            self.context
                .recorder
                .warning(&**volume, "VolumeFailedRecycle", text);
            self.set_volume_phase(volume, "Failed", text).await?;
        }
        Ok(())
    }

    /// Another volume was bound to the claim; this one is free again.
    async fn unbind(&self, volume: &Volume) -> anyhow::Result<()> {
        let by_us = annotation(&volume.metadata, BOUND_BY_CONTROLLER).is_some();
        let claim_ref = if by_us {
            Value::Null
        } else {
            json!({ "uid": null })
        };
        let patch = json!({
            "metadata": {
                "uid": volume.metadata.uid, "annotations": { BOUND_BY_CONTROLLER: null },
            },
            "spec": { "claimRef": claim_ref },
        });
        let unbound = self.write_volume(volume, "", &patch).await?;
        self.set_volume_phase(&unbound, "Available", "").await
    }

    /// Makes the volume the claim's, so that no other claim takes it.
    pub(super) async fn reserve(
        &self,
        volume: &Volume,
        claim: &PersistentVolumeClaim,
    ) -> anyhow::Result<Volume> {
        let known = claim_ref(volume);
        let is_ours = known.is_some_and(|known| {
            known.uid == claim.metadata.uid && known.name == claim.metadata.name
        });
        if is_ours {
            return Ok(Arc::clone(volume));
        }
        let metadata = &claim.metadata;
        let annotations = match known {
            Some(_) => json!({}),
            None => json!({ BOUND_BY_CONTROLLER: "yes" }),
        };
        let patch = json!({
            "metadata": {
                "uid": volume.metadata.uid, "resourceVersion": volume.metadata.resource_version,
                "annotations": annotations,
            },
            "spec": { "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "namespace": metadata.namespace, "name": metadata.name, "uid": metadata.uid,
                "resourceVersion": metadata.resource_version,
            } },
        });
        self.write_volume(volume, "", &patch).await
    }

    pub(super) async fn set_volume_phase(
        &self,
        volume: &Volume,
        to: &str,
        message: &str,
    ) -> anyhow::Result<()> {
        if phase(volume) == to {
            return Ok(());
        }
        let now = styr_meta::time::format(self.context.clock.now());
        let message = Some(message).filter(|message| !message.is_empty());
        let patch = json!({
            "metadata": { "uid": volume.metadata.uid },
            "status": { "phase": to, "message": message, "lastPhaseTransitionTime": now },
        });
        self.write_volume(volume, "/status", &patch).await?;
        Ok(())
    }

    async fn write_volume(
        &self,
        volume: &Volume,
        subresource: &str,
        patch: &Value,
    ) -> anyhow::Result<Volume> {
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        let client = &self.context.client;
        let written = client
            .merge_update::<PersistentVolume>(("", name), subresource, patch)
            .await?;
        Ok(self.keep(written))
    }
}
