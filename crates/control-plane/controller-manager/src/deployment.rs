//! Moves the pods of a Deployment to its current template, through ReplicaSets.
//!
//! Watches Deployments, their ReplicaSets and pods. Writes ReplicaSets, and the Deployment's status.
//! Invariant: during a rolling update never fewer available pods than `replicas - maxUnavailable`,
//! never more than `replicas + maxSurge`; old ReplicaSets are kept up to the history limit.
//! <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>

mod plan;
mod revision;
mod rolling;
mod scale;
mod set;
mod status;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Index, Scope, controller_of};

use crate::context::Context;
use crate::shared::{ownership, pods, selector};
use plan::{Observed, Plan, plan};
use set::Set;

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let deployments = caches.cache::<Deployment>(Scope::all());
    let sets = caches.cache::<ReplicaSet>(Scope::all());
    let pods = caches.cache::<Pod>(Scope::all());
    let reconciler = Deployments {
        context: context.clone(),
        deployments: deployments.clone(),
        owned: sets.by_controller(),
        orphans: sets.index("orphans", ownership::orphans),
        pods: pods.by_controller(),
    };
    let registration = Registration::new("deployment-controller", reconciler)
        .workers(context.config.concurrency.deployments)
        .primary::<Deployment>()
        .owns::<ReplicaSet>()
        .watches::<ReplicaSet>(move |change| adopters(change, &deployments))
        .watches::<Pod>(move |change| recreating(change, &sets));
    Ok(vec![registration])
}

/// Deployments that might want a ReplicaSet that nobody controls.
fn adopters(change: &Change<ReplicaSet>, deployments: &Cache<Deployment>) -> Vec<Key> {
    let Change::Applied { new, .. } = change else {
        return Vec::new();
    };
    let metadata = &new.metadata;
    if controller_of(metadata).is_some() || metadata.labels.is_none() {
        return Vec::new();
    }
    let all = deployments.list_namespace(metadata.namespace.as_deref().unwrap_or_default());
    let wanting = all.iter().filter(|deployment| {
        let selector = selector::of(&deployment.spec.selector);
        selector::matches(&selector, metadata.labels.as_ref())
    });
    wanting.map(|deployment| Key::of(&**deployment)).collect()
}

/// A Deployment that waits for its last old pod to go before it creates new ones.
fn recreating(change: &Change<Pod>, sets: &Cache<ReplicaSet>) -> Vec<Key> {
    let Change::Deleted(pod) = change else {
        return Vec::new();
    };
    let namespace = pod.metadata.namespace.as_deref();
    let owner = controller_of(&pod.metadata).filter(|owner| owner.kind == "ReplicaSet");
    let set = owner.and_then(|owner| sets.get(namespace, &owner.name));
    let deployment = set.as_ref().and_then(|set| controller_of(&set.metadata));
    let key = deployment.map(|owner| Key::new(namespace.unwrap_or_default(), &owner.name));
    key.into_iter().collect()
}

struct Deployments {
    context: Context,
    deployments: Cache<Deployment>,
    owned: Index<ReplicaSet>,
    orphans: Index<ReplicaSet>,
    pods: Index<Pod>,
}

#[async_trait]
impl Reconciler for Deployments {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(deployment) = self.deployments.get_key(key) else {
            return Ok(Next::Wait);
        };
        let observed = self.observe(key, &deployment).await?;
        let plan = plan(&observed, self.context.clock.now());
        let then = plan.then;
        self.apply(&deployment, plan).await?;
        Ok(then.map_or(Next::Wait, Next::After))
    }
}

impl Deployments {
    async fn observe(&self, key: &Key, deployment: &Arc<Deployment>) -> anyhow::Result<Observed> {
        let uid = deployment.metadata.uid.clone().unwrap_or_default();
        let candidates = self
            .owned
            .get(&uid)
            .into_iter()
            .chain(self.orphans.get(&key.namespace));
        let selector = selector::of(&deployment.spec.selector);
        let claim = ownership::claim(&deployment.metadata, &selector, candidates);
        let sets = ownership::carry_out(&self.context.client, &**deployment, claim).await?;
        let sets = sets.into_iter().map(|set| {
            let uid = set.metadata.uid.clone().unwrap_or_default();
            let pods = self.pods.get(&uid);
            let has_running_pods = pods.iter().any(|pod| !pods::is_finished(pod));
            Set::existing(set, has_running_pods)
        });
        Ok(Observed {
            deployment: Arc::clone(deployment),
            sets: sets.collect(),
        })
    }

    async fn apply(&self, deployment: &Arc<Deployment>, plan: Plan) -> anyhow::Result<()> {
        let mut status = plan.status;
        for set in &plan.sets {
            if let Some(object) = set.to_create() {
                if let Err(error) = self.create(deployment, set, object, &mut status).await {
                    self.write_status(deployment, status, None).await?;
                    return Err(error);
                }
            } else {
                self.update(deployment, set).await?;
            }
        }
        for set in &plan.delete {
            self.delete(deployment, set).await?;
        }
        self.write_status(deployment, status, plan.revision).await
    }

    async fn create(
        &self,
        deployment: &Arc<Deployment>,
        set: &Set,
        object: &ReplicaSet,
        status: &mut DeploymentStatus,
    ) -> anyhow::Result<()> {
        let name = object.metadata.name.clone().unwrap_or_default();
        let created = self.context.client.create(object).await;
        let Err(error) = created else {
            let replicas = set.replicas();
            if replicas > 0 {
                let text = format!("Scaled up replica set {name} from 0 to {replicas}");
                self.context
                    .recorder
                    .normal(&**deployment, "ScalingReplicaSet", text);
            }
            return Ok(());
        };
        if error.is_already_exists() {
            let Key { namespace, .. } = Key::of(&**deployment);
            let found: ReplicaSet = self.context.client.get(&namespace, &name).await?;
            let owner = controller_of(&found.metadata).map(|owner| &owner.uid);
            // The cache was only behind; the watch will tell.
            if owner == deployment.metadata.uid.as_ref() && set.has_template_of(&found) {
                return Ok(());
            }
            status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        } else if !error.is_namespace_terminating() {
            status::set_creation_failed(status, &name, &error, self.context.clock.now());
        }
        Err(error.into())
    }

    async fn update(&self, deployment: &Arc<Deployment>, set: &Set) -> anyhow::Result<()> {
        let Some(patch) = set.patch() else {
            return Ok(());
        };
        let Key { namespace, .. } = Key::of(&**deployment);
        let name = set.name();
        self.context
            .client
            .merge_patch::<ReplicaSet>(&namespace, name, &patch)
            .await?;
        let (from, to) = (set.replicas_before(), set.replicas());
        if from != to {
            let direction = if from < to { "up" } else { "down" };
            let text = format!("Scaled {direction} replica set {name} from {from} to {to}");
            self.context
                .recorder
                .normal(&**deployment, "ScalingReplicaSet", text);
        }
        Ok(())
    }

    async fn delete(&self, deployment: &Arc<Deployment>, set: &Set) -> anyhow::Result<()> {
        let Key { namespace, .. } = Key::of(&**deployment);
        let options = DeleteOptions {
            preconditions: Some(Preconditions {
                uid: set.uid().map(str::to_owned),
                resource_version: None,
            }),
            ..DeleteOptions::default()
        };
        let deleted = self
            .context
            .client
            .delete::<ReplicaSet>(&namespace, set.name(), &options);
        match deleted.await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The revision travels with the status: annotations may be changed there, and this
    /// controller may write nothing else of a Deployment.
    async fn write_status(
        &self,
        deployment: &Arc<Deployment>,
        status: DeploymentStatus,
        revision: Option<String>,
    ) -> anyhow::Result<()> {
        if deployment.status.as_ref() == Some(&status) && revision.is_none() {
            return Ok(());
        }
        let mut object = Deployment::clone(deployment);
        object.status = Some(status);
        if let Some(revision) = revision {
            let annotations = object.metadata.annotations.get_or_insert_default();
            annotations.insert(revision::ANNOTATION.to_owned(), revision);
        }
        let written = self.context.client.replace_status(&object).await?;
        self.deployments.observe_write(written);
        Ok(())
    }
}
