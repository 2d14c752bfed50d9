//! Revisions of a DaemonSet's template, kept as ControllerRevisions so that they can be rolled back.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta};
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};
use styr_client::{Client, Error, Key};

use super::template::HASH_LABEL;
use crate::shared::{hash, ownership};

/// The revision of the current template, and all others.
pub(super) struct History {
    current: Arc<ControllerRevision>,
    old: Vec<Arc<ControllerRevision>>,
}

impl History {
    /// What pods of the current template are labelled with.
    pub(super) fn hash(&self) -> String {
        let labels = self.current.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get(HASH_LABEL))
            .cloned()
            .unwrap_or_default()
    }

    /// Deletes the oldest revisions beyond the limit, unless a pod still has one.
    pub(super) async fn clean_up(
        &self,
        client: &Client,
        daemon_set: &DaemonSet,
        pods: &[Arc<Pod>],
    ) -> Result<(), Error> {
        let limit = daemon_set.spec.revision_history_limit;
        let limit = usize::try_from(limit.unwrap_or(10)).unwrap_or(0);
        let labels = pods
            .iter()
            .filter_map(|pod| pod.metadata.labels.as_ref()?.get(HASH_LABEL));
        let live: BTreeSet<&String> = labels.collect();
        let mut unused: Vec<&Arc<ControllerRevision>> = self.old.iter().collect();
        unused.retain(|revision| {
            let labels = revision.metadata.labels.as_ref();
            labels
                .and_then(|labels| labels.get(HASH_LABEL))
                .is_none_or(|hash| !live.contains(hash))
        });
        let kept = self.old.len() - unused.len();
        let excess = (unused.len() + kept).saturating_sub(limit);
        unused.sort_by_key(|revision| revision.revision);
        for revision in unused.into_iter().take(excess) {
            let Key { namespace, name } = Key::of(&**revision);
            let options = DeleteOptions::default();
            let deleted = client
                .delete::<ControllerRevision>(&namespace, &name, &options)
                .await;
            Error::unless_not_found(deleted)?;
        }
        Ok(())
    }
}

fn number(revision: &ControllerRevision) -> i64 {
    revision.revision.unwrap_or(0)
}

/// What is kept of a DaemonSet: a patch that brings its template back.
fn data(daemon_set: &DaemonSet) -> Value {
    let template = serde_json::to_value(&daemon_set.spec.template);
    let mut template = template.expect("maps with string keys");
    if let Value::Object(fields) = &mut template {
        fields.insert("$patch".to_owned(), json!("replace"));
    }
    json!({ "spec": { "template": template } })
}

/// Finds the revision of the current template, or makes it; it is always the newest.
pub(super) async fn settle(
    client: &Client,
    daemon_set: &DaemonSet,
    revisions: Vec<Arc<ControllerRevision>>,
) -> anyhow::Result<History> {
    let data = data(daemon_set);
    let newest = revisions
        .iter()
        .map(|revision| number(revision))
        .max()
        .unwrap_or(0);
    let is_current = |revision: &Arc<ControllerRevision>| revision.data.0 == data;
    let (mut current, old): (Vec<_>, Vec<_>) = revisions.into_iter().partition(is_current);
    current.sort_by_key(|revision| revision.revision);
    let Some(found) = current.pop() else {
        let made = make(client, daemon_set, data, newest + 1).await?;
        return Ok(History {
            current: Arc::new(made),
            old,
        });
    };
    let old = old.into_iter().chain(current).collect();
    if number(&found) == newest {
        return Ok(History {
            current: found,
            old,
        });
    }
    let Key { namespace, name } = Key::of(&*found);
    let patch = json!({ "revision": newest + 1, "metadata": {
        "uid": found.metadata.uid, "resourceVersion": found.metadata.resource_version,
    }});
    let moved = client
        .merge_patch::<ControllerRevision>(&namespace, &name, &patch)
        .await?;
    Ok(History {
        current: Arc::new(moved),
        old,
    })
}

async fn make(
    client: &Client,
    daemon_set: &DaemonSet,
    data: Value,
    revision: i64,
) -> anyhow::Result<ControllerRevision> {
    let metadata = &daemon_set.metadata;
    let template = &daemon_set.spec.template;
    let collisions = daemon_set
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    let hash = hash::of(template, collisions);
    let labels = template
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.labels.clone());
    let mut labels = labels.unwrap_or_default();
    labels.insert(HASH_LABEL.to_owned(), hash.clone());
    let name = format!("{}-{hash}", metadata.name.as_deref().unwrap_or_default());
    let object = ControllerRevision {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: metadata.namespace.clone(),
            labels: Some(labels),
            annotations: metadata.annotations.clone(),
            owner_references: Some(vec![ownership::reference(daemon_set)]),
            ..ObjectMeta::default()
        },
        data: RawExtension(data),
        revision: Some(revision),
    };
    let error = match client.create(&object).await {
        Ok(made) => return Ok(made),
        Err(error) => error,
    };
    if !error.is_already_exists() {
        return Err(error.into());
    }
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let found: ControllerRevision = client.get(namespace, &name).await?;
    if found.data == object.data {
        return Ok(found);
    }
    // Another template with the same hash: count it, so that the next hash differs.
    let mut counted = DaemonSet::clone(daemon_set);
    counted.status.get_or_insert_default().collision_count = Some(collisions.unwrap_or(0) + 1);
    client.replace_status(&counted).await?;
    anyhow::bail!("found a hash collision for DaemonSet {namespace}/{name}: trying another one")
}
