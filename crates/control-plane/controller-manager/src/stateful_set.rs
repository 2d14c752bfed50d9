//! Keeps the numbered pods of a StatefulSet, each with its name and its claims.
//!
//! Watches StatefulSets, their pods, claims and revisions. Writes pods, claims, revisions, status.
//! Invariant: never two pods of one number; unless the set allows parallelism, a pod is created or
//! removed only while all before it are available.
//! <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/>

mod claims;
mod identity;
mod plan;
mod pods;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Index, Scope, controller_of};

use crate::context::Context;
use crate::shared::revisions::{self, History, Settled};
use crate::shared::{ownership, selector};
use plan::{Observed, Plan, Revision, plan};

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let sets = caches.cache::<StatefulSet>(Scope::all());
    let revisions = caches.cache::<ControllerRevision>(Scope::all());
    let pods = caches.cache::<Pod>(Scope::all());
    let reconciler = StatefulSets {
        context: context.clone(),
        sets: sets.clone(),
        claims: caches.cache(Scope::all()),
        owned_revisions: revisions.by_controller(),
        orphan_revisions: revisions.index("orphans", ownership::orphans),
        owned: pods.by_controller(),
        orphans: pods.index("orphans", ownership::orphans),
        pods,
    };
    let registration = Registration::new("statefulset-controller", reconciler)
        .workers(context.config.concurrency.stateful_sets)
        .primary::<StatefulSet>()
        .owns::<Pod>()
        .owns::<ControllerRevision>()
        .reads::<PersistentVolumeClaim>()
        .watches::<Pod>(move |change| adopter(change, &sets));
    Ok(vec![registration])
}

/// The set that a pod without a controller is named after.
fn adopter(change: &Change<Pod>, sets: &Cache<StatefulSet>) -> Vec<Key> {
    let Change::Applied { new, .. } = change else {
        return Vec::new();
    };
    let metadata = &new.metadata;
    let name = metadata.name.as_deref().unwrap_or_default();
    let Some((parent, _)) = identity::split(name).filter(|_| controller_of(metadata).is_none())
    else {
        return Vec::new();
    };
    let set = sets.get(metadata.namespace.as_deref(), parent);
    set.map(|set| Key::of(&*set)).into_iter().collect()
}

struct StatefulSets {
    context: Context,
    sets: Cache<StatefulSet>,
    pods: Cache<Pod>,
    claims: Cache<PersistentVolumeClaim>,
    owned_revisions: Index<ControllerRevision>,
    orphan_revisions: Index<ControllerRevision>,
    owned: Index<Pod>,
    orphans: Index<Pod>,
}

#[async_trait]
impl Reconciler for StatefulSets {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(set) = self.sets.get_key(key) else {
            return Ok(Next::Wait);
        };
        if set.spec.selector == LabelSelector::default() {
            return Ok(Next::Wait);
        }
        let history = self.history(&set).await?;
        let observed = self.observe(&set, &history).await?;
        let plan = plan(&observed, self.context.clock.now());
        let then = plan.then;
        self.apply(&observed, plan, &history).await?;
        Ok(then.map_or(Next::Wait, Next::After))
    }
}

impl StatefulSets {
    async fn history(&self, set: &Arc<StatefulSet>) -> anyhow::Result<History> {
        let Key { namespace, .. } = Key::of(&**set);
        let uid = set.metadata.uid.as_deref().unwrap_or_default();
        let candidates = self.owned_revisions.get(uid).into_iter();
        let candidates = candidates.chain(self.orphan_revisions.get(&namespace));
        let selector = selector::of(&set.spec.selector);
        let claim = ownership::claim(&set.metadata, &selector, candidates);
        let client = &self.context.client;
        let revisions = ownership::carry_out(client, &**set, claim).await?;
        let collisions = set
            .status
            .as_ref()
            .and_then(|status| status.collision_count);
        let of = revisions::Template {
            owner: &**set,
            template: &set.spec.template,
            collisions,
        };
        match revisions::settle(client, &of, revisions).await? {
            Settled::Found(history) => Ok(history),
            Settled::Collision => {
                let mut counted = StatefulSet::clone(set);
                let status = counted.status.get_or_insert_default();
                status.collision_count = Some(collisions.unwrap_or(0) + 1);
                client.replace_status(&counted).await?;
                anyhow::bail!(
                    "found a hash collision of {}: trying another hash",
                    Key::of(&**set)
                )
            }
        }
    }

    async fn observe(&self, set: &Arc<StatefulSet>, history: &History) -> anyhow::Result<Observed> {
        let Key { namespace, name } = Key::of(&**set);
        let uid = set.metadata.uid.as_deref().unwrap_or_default();
        let candidates = self
            .owned
            .get(uid)
            .into_iter()
            .chain(self.orphans.get(&namespace));
        // Only what is named after the set can be its own.
        let candidates = candidates.filter(|pod| {
            let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
            identity::split(pod_name).is_some_and(|(parent, _)| parent == name)
        });
        let selector = selector::of(&set.spec.selector);
        let claim = ownership::claim(&set.metadata, &selector, candidates);
        let pods = ownership::carry_out(&self.context.client, &**set, claim).await?;
        let update = Revision::of(&history.current, set);
        let wanted = set
            .status
            .as_ref()
            .and_then(|status| status.current_revision.as_ref());
        let all = history.old.iter().chain([&history.current]);
        let mut named = all.filter(|revision| revision.metadata.name.as_ref() == wanted);
        let current = named
            .next()
            .map_or_else(|| update.clone(), |found| Revision::of(found, set));
        Ok(Observed {
            set: Arc::clone(set),
            current,
            update,
            pods,
        })
    }

    async fn apply(
        &self,
        observed: &Observed,
        plan: Plan,
        history: &History,
    ) -> anyhow::Result<()> {
        let set = &observed.set;
        let mut failure = None;
        for (ordinal, revision) in &plan.create {
            let pod = identity::pod(set, *ordinal, revision);
            let created = async {
                self.ensure_claims(set, *ordinal).await?;
                self.create(set, &pod).await
            };
            if let Err(error) = created.await {
                failure = Some(error);
                break;
            }
        }
        for (ordinal, pod) in &plan.repair {
            self.ensure_claims(set, *ordinal).await?;
            self.repair(pod).await?;
        }
        for pod in &plan.delete {
            self.delete(set, pod).await?;
        }
        self.follow_retention(observed).await?;
        if set.status.as_ref() != Some(&plan.status) {
            let kept = plan.status.current_revision.clone().unwrap_or_default();
            let mut object = StatefulSet::clone(set);
            object.status = Some(plan.status);
            let written = self.context.client.replace_status(&object).await?;
            self.sets.observe_write(written);
            let limit = set.spec.revision_history_limit;
            history
                .clean_up(&self.context.client, limit, (&observed.pods, &kept))
                .await?;
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}
