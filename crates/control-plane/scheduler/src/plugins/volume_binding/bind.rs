//! Carries out what was planned for a pod's claims, and waits until they are bound.

use std::time::Duration;

use anyhow::{Context as _, bail};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use serde_json::json;
use styr_client::Key;

use super::{Claim, Plan, SELECTED_NODE, Storage, Volume, claims};

/// How long a pod waits for its volumes before it is considered anew; upstream's value.
const WAIT_MAX: Duration = Duration::from_secs(600);

pub(super) async fn carry_out(storage: &Storage, plan: &Plan) -> anyhow::Result<()> {
    let mut waited_for = Vec::new();
    for (claim, volume) in &plan.bind {
        bind(storage, claim, volume).await?;
        waited_for.push((Key::of(&**claim), false));
    }
    for claim in &plan.provision {
        choose(storage, claim, &plan.node).await?;
        waited_for.push((Key::of(&**claim), true));
    }
    if waited_for.is_empty() {
        return Ok(());
    }
    tokio::select! {
        waited = wait(storage, &plan.node, &waited_for) => waited,
        () = storage.clock.sleep(WAIT_MAX) => bail!("binding volumes: timed out waiting for the condition"),
    }
}

async fn bind(storage: &Storage, claim: &Claim, volume: &Volume) -> anyhow::Result<()> {
    let metadata = &claim.metadata;
    let patch = json!({
        "metadata": {
            "resourceVersion": volume.metadata.resource_version,
            "annotations": { "pv.kubernetes.io/bound-by-controller": "yes" },
        },
        "spec": { "claimRef": {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "namespace": metadata.namespace, "name": metadata.name, "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        } },
    });
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    let written = storage
        .client
        .merge_patch::<PersistentVolume>("", name, &patch)
        .await?;
    storage.volumes.observe_write(written);
    Ok(())
}

async fn choose(storage: &Storage, claim: &Claim, node: &str) -> anyhow::Result<()> {
    if claims::annotation(&claim.metadata, SELECTED_NODE) == Some(node) {
        return Ok(());
    }
    let Key { namespace, name } = Key::of(&**claim);
    let patch = json!({ "metadata": {
        "uid": claim.metadata.uid,
        "annotations": { SELECTED_NODE: node },
    } });
    let written = storage
        .client
        .merge_patch::<PersistentVolumeClaim>(&namespace, &name, &patch)
        .await?;
    storage.claims.observe_write(written);
    Ok(())
}

async fn wait(storage: &Storage, node: &str, claims: &[(Key, bool)]) -> anyhow::Result<()> {
    let mut changes = storage.claims.subscribe();
    loop {
        if all_bound(storage, node, claims)? {
            return Ok(());
        }
        changes.next().await.context("shutting down")?;
    }
}

fn all_bound(storage: &Storage, node: &str, claims: &[(Key, bool)]) -> anyhow::Result<bool> {
    let mut are_bound = true;
    for (key, is_provisioned) in claims {
        let claim = storage.claims.get_key(key);
        let claim = claim.with_context(|| format!("persistentvolumeclaim \"{key}\" is gone"))?;
        if claims::is_bound(&claim) {
            continue;
        }
        are_bound = false;
        let selected = claims::annotation(&claim.metadata, SELECTED_NODE);
        // The provisioner takes the choice back when it cannot make the volume there.
        if *is_provisioned && selected != Some(node) {
            bail!("could not provision a volume for persistentvolumeclaim \"{key}\" on {node}");
        }
    }
    Ok(are_bound)
}
