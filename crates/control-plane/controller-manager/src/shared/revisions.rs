//! Revisions of a pod template, kept as ControllerRevisions so that they can be brought back.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta};
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};
use styr_client::{Client, Error, Key, Object};

use crate::shared::{hash, ownership};

/// What pods and revisions are labelled with.
pub(crate) const HASH_LABEL: &str = "controller-revision-hash";

/// The revision of the current template, and all others.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) current: Arc<ControllerRevision>,
    pub(crate) old: Vec<Arc<ControllerRevision>>,
}

/// Whose template it is.
pub(crate) struct Template<'a, O> {
    pub(crate) owner: &'a O,
    pub(crate) template: &'a PodTemplateSpec,
    pub(crate) collisions: Option<i32>,
}

/// What came of looking for the revision of a template.
pub(crate) enum Settled {
    Found(History),
    /// Another template has the same hash; the owner has to count that and try again.
    Collision,
}

impl History {
    /// What pods of the current template are labelled with by a DaemonSet.
    pub(crate) fn hash(&self) -> String {
        label(&self.current.metadata).cloned().unwrap_or_default()
    }

    /// Deletes the oldest revisions beyond the limit, unless a pod still has one or it is `kept`.
    pub(crate) async fn clean_up(
        &self,
        client: &Client,
        limit: Option<i32>,
        (pods, kept): (&[Arc<Pod>], &str),
    ) -> Result<(), Error> {
        let limit = usize::try_from(limit.unwrap_or(10)).unwrap_or(0);
        // StatefulSets label their pods with the revision's name, DaemonSets with its hash.
        let live: BTreeSet<&String> = pods.iter().filter_map(|pod| label(&pod.metadata)).collect();
        let mut unused: Vec<&Arc<ControllerRevision>> = self.old.iter().collect();
        unused.retain(|revision| {
            let name = revision.metadata.name.as_ref();
            let is_live = |text: Option<&String>| text.is_some_and(|text| live.contains(text));
            !is_live(label(&revision.metadata)) && !is_live(name) && name.is_none_or(|n| n != kept)
        });
        let excess = self.old.len().saturating_sub(limit);
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

fn label(metadata: &ObjectMeta) -> Option<&String> {
    metadata.labels.as_ref()?.get(HASH_LABEL)
}

fn number(revision: &ControllerRevision) -> i64 {
    revision.revision.unwrap_or(0)
}

/// What is kept of an owner: a patch that brings its template back.
fn data(template: &PodTemplateSpec) -> Value {
    let mut template = serde_json::to_value(template).expect("maps with string keys");
    if let Value::Object(fields) = &mut template {
        fields.insert("$patch".to_owned(), json!("replace"));
    }
    json!({ "spec": { "template": template } })
}

/// The template that a revision brings back.
pub(crate) fn template_of(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let mut tree = revision.data.0.pointer("/spec/template")?.clone();
    tree.as_object_mut()?.remove("$patch");
    serde_json::from_value(tree).ok()
}

/// Finds the revision of the current template, or makes it; it is always the newest.
pub(crate) async fn settle<O: Object>(
    client: &Client,
    of: &Template<'_, O>,
    revisions: Vec<Arc<ControllerRevision>>,
) -> anyhow::Result<Settled> {
    let data = data(of.template);
    let newest = revisions
        .iter()
        .map(|revision| number(revision))
        .max()
        .unwrap_or(0);
    let is_current = |revision: &Arc<ControllerRevision>| revision.data.0 == data;
    let (mut current, old): (Vec<_>, Vec<_>) = revisions.into_iter().partition(is_current);
    current.sort_by_key(|revision| revision.revision);
    let Some(found) = current.pop() else {
        let Some(made) = make(client, of, data, newest + 1).await? else {
            return Ok(Settled::Collision);
        };
        let current = Arc::new(made);
        return Ok(Settled::Found(History { current, old }));
    };
    let old = old.into_iter().chain(current).collect();
    if number(&found) == newest {
        return Ok(Settled::Found(History {
            current: found,
            old,
        }));
    }
    let Key { namespace, name } = Key::of(&*found);
    let patch = json!({ "revision": newest + 1, "metadata": {
        "uid": found.metadata.uid, "resourceVersion": found.metadata.resource_version,
    }});
    let moved = client
        .merge_patch::<ControllerRevision>(&namespace, &name, &patch)
        .await?;
    let current = Arc::new(moved);
    Ok(Settled::Found(History { current, old }))
}

/// `None` if another template has taken the name.
async fn make<O: Object>(
    client: &Client,
    of: &Template<'_, O>,
    data: Value,
    revision: i64,
) -> anyhow::Result<Option<ControllerRevision>> {
    let metadata = of.owner.metadata();
    let hash = hash::of(of.template, of.collisions);
    let labels = of
        .template
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
            owner_references: Some(vec![ownership::reference(of.owner)]),
            ..ObjectMeta::default()
        },
        data: RawExtension(data),
        revision: Some(revision),
    };
    let error = match client.create(&object).await {
        Ok(made) => return Ok(Some(made)),
        Err(error) => error,
    };
    if !error.is_already_exists() {
        return Err(error.into());
    }
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let found: ControllerRevision = client.get(namespace, &name).await?;
    Ok((found.data == object.data).then_some(found))
}
