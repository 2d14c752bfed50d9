//! The claims of a StatefulSet's pods: made before them, and owned as the set says.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::json;
use styr_client::Error;
use styr_client::controller::Key;

use super::plan::Observed;
use super::{StatefulSets, identity};
use crate::shared::requests;

impl StatefulSets {
    pub(super) async fn ensure_claims(&self, set: &StatefulSet, ordinal: i32) -> Result<(), Error> {
        for claim in identity::claims(set, ordinal) {
            let Key { namespace, name } = Key::of(&claim);
            if self.claims.get(Some(&namespace), &name).is_some() {
                continue;
            }
            let pod = identity::name(set, ordinal);
            let set_name = set.metadata.name.as_deref().unwrap_or_default();
            match self.context.client.create(&claim).await {
                Ok(_) => {
                    let text =
                        format!("create Claim {name} Pod {pod} in StatefulSet {set_name} success");
                    self.context.recorder.normal(set, "SuccessfulCreate", text);
                }
                Err(error) if error.is_already_exists() => {}
                Err(error) => {
                    let text = format!(
                        "create Claim {name} for Pod {pod} in StatefulSet {set_name} failed error: {}",
                        requests::told(&error)
                    );
                    self.context.recorder.warning(set, "FailedCreate", text);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Claims that are to go with the set or with their pod are owned by it.
    pub(super) async fn follow_retention(&self, observed: &Observed) -> Result<(), Error> {
        let set = &observed.set;
        if set.spec.persistent_volume_claim_retention_policy.is_none() {
            return Ok(());
        }
        for pod in &observed.pods {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            let Some((_, ordinal)) = identity::split(name) else {
                continue;
            };
            for claim in identity::claims(set, ordinal) {
                let Key { namespace, name } = Key::of(&claim);
                let Some(known) = self.claims.get(Some(&namespace), &name) else {
                    continue;
                };
                let wanted = identity::owners(set, pod, ordinal);
                let is_ours = |owner: &OwnerReference| {
                    owner.uid == set.metadata.uid.clone().unwrap_or_default() || owner.kind == "Pod"
                };
                let owners = known.metadata.owner_references.clone().unwrap_or_default();
                let (ours, others): (Vec<_>, Vec<_>) = owners.into_iter().partition(is_ours);
                if ours == wanted {
                    continue;
                }
                let all: Vec<_> = others.into_iter().chain(wanted).collect();
                let patch = json!({ "metadata": {
                    "uid": known.metadata.uid, "resourceVersion": known.metadata.resource_version,
                    "ownerReferences": all,
                }});
                let client = &self.context.client;
                let patched = client
                    .merge_patch::<PersistentVolumeClaim>(&namespace, &name, &patch)
                    .await?;
                self.claims.observe_write(patched);
            }
        }
        Ok(())
    }
}
