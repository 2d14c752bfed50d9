//! Counts, for each PodDisruptionBudget, how many of its pods may be evicted.
//!
//! Watches budgets, pods and what controls pods. Writes the budgets' status, which the eviction
//! subresource reads and takes from. Invariant: what cannot be counted allows no eviction.
//! <https://kubernetes.io/docs/concepts/workloads/pods/disruptions/>

mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Scope, controller_of};

use crate::context::Context;
use crate::shared::selector;
use plan::{Expected, Observed, plan};

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let budgets = caches.cache::<PodDisruptionBudget>(Scope::all());
    let reconciler = Budgets {
        context: context.clone(),
        budgets: budgets.clone(),
        pods: caches.cache(Scope::all()),
        deployments: caches.cache(Scope::all()),
        replica_sets: caches.cache(Scope::all()),
        replication_controllers: caches.cache(Scope::all()),
        stateful_sets: caches.cache(Scope::all()),
    };
    // A scale that changes brings pods that come or go, and they bring us here.
    let registration = Registration::new("disruption-controller", reconciler)
        .workers(context.config.concurrency.budgets)
        .primary::<PodDisruptionBudget>()
        .reads::<Deployment>()
        .reads::<ReplicaSet>()
        .reads::<ReplicationController>()
        .reads::<StatefulSet>()
        .watches::<Pod>(move |change| covering(change, &budgets));
    Ok(vec![registration])
}

/// The budgets that cover a pod, or did before it changed.
fn covering(change: &Change<Pod>, budgets: &Cache<PodDisruptionBudget>) -> Vec<Key> {
    let (old, new) = match change {
        Change::Applied { old, new } => (old.as_ref(), new),
        Change::Deleted(last) => (None, last),
        Change::Synced => return Vec::new(),
    };
    let namespace = new.metadata.namespace.as_deref().unwrap_or_default();
    let all = budgets.list_namespace(namespace).into_iter();
    let covers = |budget: &Arc<PodDisruptionBudget>| {
        let is_covered = |pod: &Arc<Pod>| covers(budget, pod);
        is_covered(new) || old.is_some_and(is_covered)
    };
    all.filter(covers).map(|budget| Key::of(&*budget)).collect()
}

/// A budget with an empty selector covers all, one without a selector nothing.
fn covers(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let spec = budget.spec.as_ref();
    let wanted = spec.and_then(|spec| spec.selector.as_ref());
    wanted.is_some_and(|wanted| {
        selector::matches(&selector::of(wanted), pod.metadata.labels.as_ref())
    })
}

struct Budgets {
    context: Context,
    budgets: Cache<PodDisruptionBudget>,
    pods: Cache<Pod>,
    deployments: Cache<Deployment>,
    replica_sets: Cache<ReplicaSet>,
    replication_controllers: Cache<ReplicationController>,
    stateful_sets: Cache<StatefulSet>,
}

#[async_trait]
impl Reconciler for Budgets {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(budget) = self.budgets.get_key(key) else {
            return Ok(Next::Wait);
        };
        let pods = self.pods.list_namespace(&key.namespace).into_iter();
        let pods: Vec<_> = pods.filter(|pod| covers(&budget, pod)).collect();
        if pods.is_empty() {
            let recorder = &self.context.recorder;
            recorder.normal(&*budget, "NoPods", "No matching pods found");
        }
        let observed = Observed {
            expected: self.expected(key, &pods),
            budget,
            pods,
        };
        let (status, then) = plan(&observed, self.context.clock.now());
        if observed.budget.status.as_ref() != Some(&status) {
            let changed = PodDisruptionBudget {
                status: Some(status),
                ..PodDisruptionBudget::clone(&observed.budget)
            };
            self.context.client.replace_status(&changed).await?;
        }
        Ok(then.map_or(Next::Wait, Next::After))
    }
}

impl Budgets {
    /// How many pods those that control these pods want together.
    fn expected(&self, key: &Key, pods: &[Arc<Pod>]) -> Expected {
        let mut scales = BTreeMap::new();
        for pod in pods {
            let Some(owner) = controller_of(&pod.metadata) else {
                continue;
            };
            let Some((uid, replicas)) = self.scale(&key.namespace, owner) else {
                let name = pod.metadata.name.as_deref().unwrap_or_default();
                return Err(format!("found no controllers for pod {name:?}"));
            };
            scales.insert(uid, replicas);
        }
        Ok(scales.values().sum())
    }

    /// Who decides about the number of pods, and what that number is.
    fn scale(&self, namespace: &str, owner: &OwnerReference) -> Option<(String, i32)> {
        let (namespace, uid) = (Some(namespace), Some(&owner.uid));
        let name = owner.name.as_str();
        match (owner.api_version.as_str(), owner.kind.as_str()) {
            ("apps/v1", "ReplicaSet") => {
                let set = self.replica_sets.get(namespace, name)?;
                let set = Some(set).filter(|set| set.metadata.uid.as_ref() == uid)?;
                match controller_of(&set.metadata).filter(|owner| owner.kind == "Deployment") {
                    None => Some((owner.uid.clone(), set.spec.replicas.unwrap_or(1))),
                    Some(above) => {
                        let found = self.deployments.get(namespace, &above.name)?;
                        let is_it = found.metadata.uid.as_ref() == Some(&above.uid);
                        is_it.then(|| (above.uid.clone(), found.spec.replicas.unwrap_or(1)))
                    }
                }
            }
            ("apps/v1", "StatefulSet") => {
                let set = self.stateful_sets.get(namespace, name)?;
                let set = Some(set).filter(|set| set.metadata.uid.as_ref() == uid)?;
                let replicas = set.spec.replicas.unwrap_or(1);
                Some((owner.uid.clone(), replicas))
            }
            ("v1", "ReplicationController") => {
                let found = self.replication_controllers.get(namespace, name)?;
                let found = Some(found).filter(|found| found.metadata.uid.as_ref() == uid)?;
                let replicas = found.spec.as_ref()?.replicas.unwrap_or(1);
                Some((owner.uid.clone(), replicas))
            }
            _ => None,
        }
    }
}
