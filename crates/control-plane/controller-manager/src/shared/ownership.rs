//! Who owns what: a controller adopts matching objects without a controller, and releases its own
//! that no longer match.
//!
//! Before the first adoption the owner is read from the server: a deleted owner must not adopt.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::json;
use styr_client::{Client, Error, Object, controller_of};
use styr_meta::labels::Selector;

use crate::shared::selector;

/// What a set of candidates is to an owner.
#[derive(Debug)]
pub(crate) struct Claim<K> {
    /// Ours, and matching.
    pub(crate) owned: Vec<Arc<K>>,
    /// Nobody's, and matching.
    pub(crate) adoptable: Vec<Arc<K>>,
    /// Ours, but no longer matching.
    pub(crate) releasable: Vec<Arc<K>>,
}

/// A reference that makes `owner` the controller.
pub(crate) fn reference<O: Object>(owner: &O) -> OwnerReference {
    let metadata = owner.metadata();
    OwnerReference {
        api_version: O::API_VERSION.to_owned(),
        kind: O::KIND.to_owned(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Decides for each candidate. What is being deleted is neither adopted nor released.
pub(crate) fn claim<K: Object>(
    owner: &ObjectMeta,
    selector: &Selector,
    candidates: impl IntoIterator<Item = Arc<K>>,
) -> Claim<K> {
    let mut claim = Claim {
        owned: Vec::new(),
        adoptable: Vec::new(),
        releasable: Vec::new(),
    };
    let uid = owner.uid.as_deref().unwrap_or_default();
    let owner_is_leaving = owner.deletion_timestamp.is_some();
    for candidate in candidates {
        let metadata = candidate.metadata();
        let is_match = selector::matches(selector, metadata.labels.as_ref());
        let is_leaving = metadata.deletion_timestamp.is_some();
        match controller_of(metadata) {
            Some(controller) if controller.uid != uid => {}
            Some(_) if is_match => claim.owned.push(candidate),
            Some(_) if owner_is_leaving => {}
            Some(_) => claim.releasable.push(candidate),
            None if is_match && !is_leaving && !owner_is_leaving => {
                claim.adoptable.push(candidate);
            }
            None => {}
        }
    }
    claim
}

/// Carries a claim out; answers what is owned in the end.
pub(crate) async fn carry_out<O: Object, K: Object>(
    client: &Client,
    owner: &O,
    claim: Claim<K>,
) -> anyhow::Result<Vec<Arc<K>>> {
    let mut owned = claim.owned;
    for object in &claim.releasable {
        release(client, owner.metadata(), &**object).await?;
    }
    if !claim.adoptable.is_empty() {
        ensure_alive(client, owner).await?;
    }
    for object in claim.adoptable {
        if let Some(adopted) = adopt(client, owner, &*object).await? {
            owned.push(Arc::new(adopted));
        }
    }
    Ok(owned)
}

async fn ensure_alive<O: Object>(client: &Client, owner: &O) -> anyhow::Result<()> {
    let metadata = owner.metadata();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    let fresh: O = client.get(namespace, name).await?;
    let fresh = fresh.metadata();
    anyhow::ensure!(
        fresh.uid == metadata.uid && fresh.deletion_timestamp.is_none(),
        "could not adopt for {} {namespace}/{name}: it is being deleted or was replaced",
        O::KIND
    );
    Ok(())
}

async fn adopt<O: Object, K: Object>(
    client: &Client,
    owner: &O,
    object: &K,
) -> Result<Option<K>, Error> {
    let metadata = object.metadata();
    let patch = json!({ "metadata": {
        "uid": metadata.uid, "ownerReferences": [reference(owner)],
    }});
    patch_metadata(client, object, &patch).await
}

async fn release<K: Object>(client: &Client, owner: &ObjectMeta, object: &K) -> Result<(), Error> {
    let patch = json!({ "metadata": {
        "uid": object.metadata().uid,
        "ownerReferences": [{ "$patch": "delete", "uid": owner.uid }],
    }});
    patch_metadata(client, object, &patch).await.map(|_| ())
}

/// `None` if the object is gone, or has become another one of the same name.
async fn patch_metadata<K: Object>(
    client: &Client,
    object: &K,
    patch: &serde_json::Value,
) -> Result<Option<K>, Error> {
    let metadata = object.metadata();
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    match client.strategic_patch(namespace, name, patch).await {
        Ok(patched) => Ok(Some(patched)),
        Err(error) if error.is_not_found() || error.code() == Some(422) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An index of objects without a controller, by namespace.
pub(crate) fn orphans<K: Object>(object: &K) -> Vec<String> {
    let metadata = object.metadata();
    if controller_of(metadata).is_some() {
        return Vec::new();
    }
    metadata.namespace.clone().into_iter().collect()
}
