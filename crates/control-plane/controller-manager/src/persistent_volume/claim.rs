//! A claim: find it a volume, or ask for one to be made; notice when it has lost its own.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use serde_json::{Value, json};
use styr_client::{Error, Key};

use super::bind::Binder;
use super::matching::{best, mismatch};
use super::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, DEFAULT_CLASS, NO_PROVISIONER, PROVISIONER,
    PROVISIONER_BETA, SELECTED_NODE, annotation, claim_ref, class_of_claim, is_reserved_for,
    volume_name,
};

type Claim = Arc<PersistentVolumeClaim>;

impl Binder {
    pub(super) async fn reconcile_claim(&self, claim: &Claim) -> anyhow::Result<()> {
        if annotation(&claim.metadata, BIND_COMPLETED).is_some() {
            return self.keep_bound(claim).await;
        }
        if volume_name(claim).is_empty() {
            self.find_volume(claim).await
        } else {
            self.take_named(claim).await
        }
    }

    async fn find_volume(&self, claim: &Claim) -> anyhow::Result<()> {
        let class = class_of_claim(claim).and_then(|name| self.classes.get(None, name));
        let has_node = annotation(&claim.metadata, SELECTED_NODE).is_some();
        let waits = class.as_ref().is_some_and(|class| {
            class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")
        });
        let is_delayed = waits && !has_node;
        if let Some(volume) = best(claim, &self.volumes.list(), is_delayed) {
            return self.bind(&volume, claim).await;
        }
        let recorder = &self.context.recorder;
        match (class_of_claim(claim), class) {
            _ if is_delayed => {
                let text = "waiting for first consumer to be created before binding";
                recorder.normal(&**claim, "WaitForFirstConsumer", text);
            }
            (None, _) => {
                if self.assign_default_class(claim).await? {
                    return Ok(());
                }
                let text =
                    "no persistent volumes available for this claim and no storage class is set";
                recorder.normal(&**claim, "FailedBinding", text);
            }
            (Some(""), _) => {
                let text =
                    "no persistent volumes available for this claim and no storage class is set";
                recorder.normal(&**claim, "FailedBinding", text);
            }
            (Some(name), None) => {
                let text = format!("storageclass.storage.k8s.io {name:?} not found");
                recorder.warning(&**claim, "ProvisioningFailed", text);
            }
            (Some(_), Some(class)) => self.ask_for_volume(claim, &class).await?,
        }
        self.set_claim_phase(claim, "Pending").await
    }

    /// A class that became the default later is the default for claims that wait as well.
    async fn assign_default_class(&self, claim: &Claim) -> anyhow::Result<bool> {
        let classes = self.classes.list();
        let defaults = classes
            .iter()
            .filter(|class| annotation(&class.metadata, DEFAULT_CLASS) == Some("true"));
        // The newest wins; of equals the first by name.
        let default = defaults.max_by_key(|class| {
            let created = class
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0);
            (created, std::cmp::Reverse(class.metadata.name.clone()))
        });
        let Some(default) = default else {
            return Ok(false);
        };
        let patch = json!({
            "metadata": { "uid": claim.metadata.uid },
            "spec": { "storageClassName": default.metadata.name },
        });
        self.write_claim(claim, "", &patch).await?;
        Ok(true)
    }

    async fn ask_for_volume(&self, claim: &Claim, class: &StorageClass) -> anyhow::Result<()> {
        let provisioner = class.provisioner.as_str();
        if provisioner == NO_PROVISIONER {
            return Ok(());
        }
        if annotation(&claim.metadata, PROVISIONER) != Some(provisioner) {
            let patch = json!({ "metadata": { "uid": claim.metadata.uid, "annotations": {
                PROVISIONER: provisioner, PROVISIONER_BETA: provisioner,
            } } });
            self.write_claim(claim, "", &patch).await?;
        }
        let text = format!(
            "Waiting for a volume to be created either by the external provisioner '{provisioner}' \
             or manually by the system administrator. If volume creation is delayed, please verify \
             that the provisioner is running and correctly registered."
        );
        self.context
            .recorder
            .normal(&**claim, "ExternalProvisioning", text);
        Ok(())
    }

    /// The user, the scheduler or a provisioner has named a volume.
    async fn take_named(&self, claim: &Claim) -> anyhow::Result<()> {
        let Some(volume) = self.volumes.get(None, volume_name(claim)) else {
            return self.set_claim_phase(claim, "Pending").await;
        };
        if claim_ref(&volume).is_some() && !is_reserved_for(&volume, claim) {
            return self.set_claim_phase(claim, "Pending").await;
        }
        if let Some(reason) = mismatch(&volume, claim) {
            let name = volume_name(claim);
            let text = format!("Cannot bind to requested volume {name:?}: {reason}");
            self.context
                .recorder
                .warning(&**claim, "VolumeMismatch", text);
            return self.set_claim_phase(claim, "Pending").await;
        }
        self.bind(&volume, claim).await
    }

    async fn keep_bound(&self, claim: &Claim) -> anyhow::Result<()> {
        let name = volume_name(claim);
        let volume = self.volumes.get(None, name);
        let lost = match &volume {
            _ if name.is_empty() => Some((
                "ClaimLost",
                "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!",
            )),
            None => Some((
                "ClaimLost",
                "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
            )),
            Some(volume) if claim_ref(volume).is_none() => None,
            Some(volume) => {
                let uid = claim_ref(volume).and_then(|reference| reference.uid.as_ref());
                (uid != claim.metadata.uid.as_ref()).then_some((
                    "ClaimMisbound",
                    "Two claims are bound to the same volume, this one is bound incorrectly",
                ))
            }
        };
        match (lost, volume) {
            (None, Some(volume)) => self.bind(&volume, claim).await,
            (lost, _) => {
                let is_known =
                    claim.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Lost");
                if let Some((reason, text)) = lost.filter(|_| !is_known) {
                    self.context.recorder.warning(&**claim, reason, text);
                }
                self.set_claim_phase(claim, "Lost").await
            }
        }
    }

    /// Writes what is missing of a binding, the volume's side first.
    async fn bind(&self, volume: &Arc<PersistentVolume>, claim: &Claim) -> anyhow::Result<()> {
        let volume = self.reserve(volume, claim).await?;
        self.set_volume_phase(&volume, "Bound", "").await?;
        let name = volume.metadata.name.clone().unwrap_or_default();
        let mut annotations = serde_json::Map::new();
        if annotation(&claim.metadata, BIND_COMPLETED).is_none() {
            annotations.insert(BIND_COMPLETED.to_owned(), json!("yes"));
        }
        if volume_name(claim).is_empty() {
            annotations.insert(BOUND_BY_CONTROLLER.to_owned(), json!("yes"));
        }
        if !annotations.is_empty() || volume_name(claim) != name {
            let patch = json!({
                "metadata": { "uid": claim.metadata.uid, "annotations": annotations },
                "spec": { "volumeName": name },
            });
            self.write_claim(claim, "", &patch).await?;
        }
        self.report_bound(&volume, claim).await
    }

    async fn report_bound(&self, volume: &PersistentVolume, claim: &Claim) -> anyhow::Result<()> {
        let spec = volume.spec.clone().unwrap_or_default();
        let status = claim.status.clone().unwrap_or_default();
        let is_known = status.phase.as_deref() == Some("Bound")
            && status.access_modes == spec.access_modes
            && status.capacity.is_some();
        if is_known {
            return Ok(());
        }
        let patch = json!({
            "metadata": { "uid": claim.metadata.uid },
            "status": {
                "phase": "Bound", "accessModes": spec.access_modes, "capacity": spec.capacity,
            },
        });
        self.write_claim(claim, "/status", &patch).await
    }

    async fn set_claim_phase(&self, claim: &Claim, phase: &str) -> anyhow::Result<()> {
        if claim
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref())
            == Some(phase)
        {
            return Ok(());
        }
        let patch = json!({
            "metadata": { "uid": claim.metadata.uid }, "status": { "phase": phase },
        });
        self.write_claim(claim, "/status", &patch).await
    }

    async fn write_claim(
        &self,
        claim: &Claim,
        subresource: &str,
        patch: &Value,
    ) -> anyhow::Result<()> {
        let Key { namespace, name } = Key::of(&**claim);
        let client = &self.context.client;
        let written = client
            .merge_update::<PersistentVolumeClaim>((&namespace, &name), subresource, patch)
            .await;
        if let Some(written) = Error::unless_not_found(written)? {
            self.claims.observe_write(written);
        }
        Ok(())
    }
}
