//! Binds claims to volumes, and follows what becomes of both.
//!
//! Watches PersistentVolumes, their claims, and StorageClasses. Writes both sides of a binding:
//! first the volume's, which reserves it, then the claim's. Invariant: a volume is bound to one claim
//! by uid, and a claim to one volume. Volumes are provisioned and deleted by their drivers; this only
//! names the driver on the claim.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Scope};

use super::{claim_ref, volume_name};
use crate::context::Context;

/// Both halves see the same.
#[derive(Clone)]
pub(super) struct Binder {
    pub(super) context: Context,
    pub(super) volumes: Cache<PersistentVolume>,
    pub(super) claims: Cache<PersistentVolumeClaim>,
    pub(super) classes: Cache<StorageClass>,
}

struct Claims(Binder);
struct Volumes(Binder);

/// Registers one controller for claims and one for volumes, with upstream's names of their queues.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let binder = Binder {
        context: context.clone(),
        volumes: caches.cache(Scope::all()),
        claims: caches.cache(Scope::all()),
        classes: caches.cache(Scope::all()),
    };
    let (for_volumes, for_classes) = (binder.claims.clone(), binder.claims.clone());
    let claims = Registration::new("claims", Claims(binder.clone()))
        .primary::<PersistentVolumeClaim>()
        .watches::<PersistentVolume>(move |change| claims_of(change, &for_volumes))
        .watches::<StorageClass>(move |change: &Change<StorageClass>| match change {
            Change::Applied { .. } => unbound(&for_classes),
            _ => Vec::new(),
        });
    let volumes = Registration::new("volumes", Volumes(binder))
        .primary::<PersistentVolume>()
        .watches::<PersistentVolumeClaim>(|change: &Change<PersistentVolumeClaim>| {
            let name = change.object().map(|claim| volume_name(claim).to_owned());
            name.filter(|name| !name.is_empty())
                .map(Key::cluster)
                .into_iter()
                .collect()
        })
        .reads::<StorageClass>();
    Ok(vec![claims, volumes])
}

/// The claim that a volume is for; if it is for none, all that still look for one.
fn claims_of(change: &Change<PersistentVolume>, claims: &Cache<PersistentVolumeClaim>) -> Vec<Key> {
    let Some(volume) = change.object() else {
        return Vec::new();
    };
    match claim_ref(volume) {
        Some(reference) => {
            let namespace = reference.namespace.clone().unwrap_or_default();
            vec![Key::new(
                namespace,
                reference.name.clone().unwrap_or_default(),
            )]
        }
        None if matches!(change, Change::Applied { .. }) => unbound(claims),
        // A claim may have named it.
        None => {
            let name = volume.metadata.name.as_deref().unwrap_or_default();
            let naming = claims
                .list()
                .into_iter()
                .filter(|claim| volume_name(claim) == name);
            naming.map(|claim| Key::of(&*claim)).collect()
        }
    }
}

fn unbound(claims: &Cache<PersistentVolumeClaim>) -> Vec<Key> {
    let phase = |claim: &PersistentVolumeClaim| {
        claim
            .status
            .as_ref()
            .and_then(|status| status.phase.clone())
            .unwrap_or_default()
    };
    let all = claims.list().into_iter();
    all.filter(|claim| phase(claim) != "Bound")
        .map(|claim| Key::of(&*claim))
        .collect()
}

#[async_trait]
impl Reconciler for Claims {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        if let Some(claim) = self.0.claims.get_key(key) {
            self.0.reconcile_claim(&claim).await?;
        }
        Ok(Next::Wait)
    }
}

#[async_trait]
impl Reconciler for Volumes {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        if let Some(volume) = self.0.volumes.get_key(key) {
            self.0.reconcile_volume(&volume).await?;
        }
        Ok(Next::Wait)
    }
}

impl Binder {
    /// The volume as it is after a write, for readers in this process.
    pub(super) fn keep(&self, volume: PersistentVolume) -> Arc<PersistentVolume> {
        self.volumes.observe_write(volume.clone());
        Arc::new(volume)
    }
}
