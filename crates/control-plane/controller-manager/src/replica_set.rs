//! Keeps as many pods of a ReplicaSet or ReplicationController as its spec asks for.
//!
//! Watches both kinds and the pods they own. Writes pods, and the owner's status.
//! Invariant: never more than 500 creations or deletions in one pass, and none while earlier ones
//! are not yet seen; a pod is adopted only if it has no controller.
//! <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/>

mod owner;
mod plan;

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::expectations::Expectations;
use styr_client::{Cache, Change, Error, Index, Scope, controller_of};

use crate::context::Context;
use crate::shared::{ownership, pods, requests, selector, side_by_side, slow_start};
use owner::{Owner, Wanted};
use plan::{Action, Observed, Plan, plan};

/// Registers the controller of ReplicaSets.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let workers = context.config.concurrency.replica_sets;
    Ok(vec![
        register::<ReplicaSet>("replicaset-controller", context).workers(workers),
    ])
}

/// Registers the controller of ReplicationControllers.
pub(crate) fn build_replication_controller(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let workers = context.config.concurrency.replication_controllers;
    let name = "replicationcontroller-controller";
    Ok(vec![
        register::<ReplicationController>(name, context).workers(workers),
    ])
}

fn register<K: Owner>(name: &'static str, context: &Context) -> Registration {
    let pods = context.caches.cache::<Pod>(Scope::all());
    let owners = context.caches.cache::<K>(Scope::all());
    let expectations = Expectations::new(Arc::clone(&context.clock));
    let reconciler = Replicas {
        context: context.clone(),
        siblings: owners.by_controller(),
        owned: pods.by_controller(),
        orphans: pods.index("orphans", ownership::orphans),
        owners: owners.clone(),
        expectations: expectations.clone(),
        kind: PhantomData,
    };
    Registration::new(name, reconciler)
        .primary::<K>()
        .owns_expected::<Pod>(&expectations)
        .watches::<Pod>(move |change| adopters(change, &owners))
}

/// Owners that might want a pod that nobody controls.
fn adopters<K: Owner>(change: &Change<Pod>, owners: &Cache<K>) -> Vec<Key> {
    let Change::Applied { new, .. } = change else {
        return Vec::new();
    };
    let metadata = &new.metadata;
    if controller_of(metadata).is_some() || metadata.labels.is_none() {
        return Vec::new();
    }
    let owners = owners.list_namespace(metadata.namespace.as_deref().unwrap_or_default());
    let wanting = owners.iter().filter(|owner| {
        let wanted = owner.wanted();
        selector::matches(&wanted.selector, metadata.labels.as_ref())
    });
    wanting.map(|owner| Key::of(&**owner)).collect()
}

struct Replicas<K> {
    context: Context,
    owners: Cache<K>,
    siblings: Index<K>,
    owned: Index<Pod>,
    orphans: Index<Pod>,
    expectations: Expectations,
    kind: PhantomData<K>,
}

#[async_trait]
impl<K: Owner> Reconciler for Replicas<K> {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(owner) = self.owners.get_key(key) else {
            self.expectations.forget(key);
            return Ok(Next::Wait);
        };
        let observed = self.observe(key, &owner).await?;
        let Plan { action, then } = plan(&observed, self.context.clock.now());
        let failure = self.apply(key, &owner, &observed.wanted, action).await;
        let status = plan::status(&observed, failure.as_ref(), self.context.clock.now());
        if status != observed.wanted.status {
            let written = owner.write_status(&self.context.client, status).await?;
            self.owners.observe_write(written);
        }
        match failure {
            Some((_, error)) => Err(error.into()),
            None => Ok(then.map_or(Next::Wait, Next::After)),
        }
    }
}

impl<K: Owner> Replicas<K> {
    async fn observe(&self, key: &Key, owner: &Arc<K>) -> anyhow::Result<Observed> {
        let may_act = self.expectations.satisfied(key);
        let wanted = owner.wanted();
        let uid = owner.metadata().uid.clone().unwrap_or_default();
        let all = self.owned.get(&uid);
        let terminating = all.iter().filter(|pod| pods::is_terminating(pod)).count();
        let orphans = self.orphans.get(&key.namespace);
        let candidates = all
            .into_iter()
            .chain(orphans)
            .filter(|pod| pods::is_active(pod));
        let claim = ownership::claim(owner.metadata(), &wanted.selector, candidates);
        let active = ownership::carry_out(&self.context.client, &**owner, claim).await?;
        Ok(Observed {
            is_leaving: owner.metadata().deletion_timestamp.is_some(),
            may_act,
            wanted,
            active,
            terminating,
            related: self.related(owner),
        })
    }

    /// Pods of this owner and of all others of the same grandparent: they share its purpose.
    fn related(&self, owner: &Arc<K>) -> Vec<Arc<Pod>> {
        let grandparent = controller_of(owner.metadata());
        let family = match grandparent {
            Some(grandparent) => self.siblings.get(&grandparent.uid),
            None => vec![Arc::clone(owner)],
        };
        let uids = family
            .iter()
            .filter_map(|owner| owner.metadata().uid.as_deref());
        uids.flat_map(|uid| self.owned.get(uid))
            .filter(|pod| pods::is_active(pod))
            .collect()
    }

    async fn apply(
        &self,
        key: &Key,
        owner: &Arc<K>,
        wanted: &Wanted,
        action: Action,
    ) -> Option<(&'static str, Error)> {
        match action {
            Action::Nothing => None,
            Action::Create(count) => {
                self.expectations.expect_creations(key, count);
                let pod = new_pod(&**owner, wanted);
                let create = || self.create(owner, &pod);
                let (created, error) = slow_start::run(count, create).await;
                for _ in created..count {
                    self.expectations.creation_observed(key);
                }
                let error = error.filter(|error| !error.is_namespace_terminating())?;
                Some(("FailedCreate", error))
            }
            Action::Delete(pods) => {
                let keys: Vec<Key> = pods.iter().map(|pod| Key::of(&**pod)).collect();
                self.expectations.expect_deletions(key, keys);
                let deletions = pods.iter().map(|pod| self.delete(key, owner, pod));
                let deleted = side_by_side::run(deletions.collect()).await;
                let failed = deleted.into_iter().find_map(Result::err)?;
                Some(("FailedDelete", failed))
            }
        }
    }

    async fn create(&self, owner: &Arc<K>, pod: &Pod) -> Result<(), Error> {
        let recorder = &self.context.recorder;
        match self.context.client.create(pod).await {
            Ok(pod) => {
                let name = pod.metadata.name.unwrap_or_default();
                recorder.normal(&**owner, "SuccessfulCreate", format!("Created pod: {name}"));
                Ok(())
            }
            Err(error) => {
                if !error.is_namespace_terminating() {
                    let text = requests::told(&error);
                    recorder.warning(&**owner, "FailedCreate", format!("Error creating: {text}"));
                }
                Err(error)
            }
        }
    }

    async fn delete(&self, key: &Key, owner: &Arc<K>, pod: &Pod) -> Result<(), Error> {
        let pod_key = Key::of(pod);
        let options = requests::exactly(&pod.metadata);
        let (namespace, name) = (&pod_key.namespace, &pod_key.name);
        let recorder = &self.context.recorder;
        match self
            .context
            .client
            .delete::<Pod>(namespace, name, &options)
            .await
        {
            Ok(()) => {
                recorder.normal(&**owner, "SuccessfulDelete", format!("Deleted pod: {name}"));
                Ok(())
            }
            Err(error) => {
                // The deletion will not be seen.
                self.expectations.deletion_observed(key, &pod_key);
                if error.is_not_found() {
                    return Ok(());
                }
                let text = requests::told(&error);
                recorder.warning(&**owner, "FailedDelete", format!("Error deleting: {text}"));
                Err(error)
            }
        }
    }
}

fn new_pod<K: Owner>(owner: &K, wanted: &Wanted) -> Pod {
    let metadata = owner.metadata();
    let template = wanted.template.metadata.clone().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", metadata.name.as_deref().unwrap_or_default())),
            namespace: metadata.namespace.clone(),
            labels: template.labels,
            annotations: template.annotations,
            finalizers: template.finalizers,
            owner_references: Some(vec![ownership::reference(owner)]),
            ..ObjectMeta::default()
        },
        spec: wanted.template.spec.clone(),
        status: None,
    }
}
