//! Keeps one pod of a DaemonSet on every node that it is meant for.
//!
//! Watches DaemonSets, their pods and revisions, and nodes. Writes pods, ControllerRevisions and the
//! status. Invariant: a rolling update never makes more nodes unavailable than `maxUnavailable`, and
//! no node has two pods unless the update may surge.
//! <https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/>

mod failures;
mod plan;
mod pods;
mod template;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::expectations::Expectations;
use styr_client::{Cache, Change, Index, Scope, controller_of};

use crate::context::Context;
use crate::shared::revisions::{self, History, Settled};
use crate::shared::{nodes, ownership, selector, side_by_side};
use failures::Failures;
use plan::{Observed, Plan, plan};

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let daemon_sets = caches.cache::<DaemonSet>(Scope::all());
    let revisions = caches.cache::<ControllerRevision>(Scope::all());
    let pods = caches.cache::<Pod>(Scope::all());
    let expectations = Expectations::new(Arc::clone(&context.clock));
    let reconciler = DaemonSets {
        context: context.clone(),
        daemon_sets: daemon_sets.clone(),
        nodes: caches.cache::<Node>(Scope::all()),
        owned_revisions: revisions.by_controller(),
        orphan_revisions: revisions.index("orphans", ownership::orphans),
        owned: pods.by_controller(),
        orphans: pods.index("orphans", ownership::orphans),
        expectations: expectations.clone(),
        failures: Failures::default(),
    };
    let (for_pods, for_nodes) = (daemon_sets.clone(), daemon_sets);
    let registration = Registration::new("daemonset-controller", reconciler)
        .workers(context.config.concurrency.daemon_sets)
        .primary::<DaemonSet>()
        .owns_expected::<Pod>(&expectations)
        .owns::<ControllerRevision>()
        .watches::<Pod>(move |change| adopters(change, &for_pods))
        .watches::<Node>(move |change| concerned(change, &for_nodes));
    Ok(vec![registration])
}

/// DaemonSets that might want a pod that nobody controls.
fn adopters(change: &Change<Pod>, daemon_sets: &Cache<DaemonSet>) -> Vec<Key> {
    let Change::Applied { new, .. } = change else {
        return Vec::new();
    };
    let metadata = &new.metadata;
    if controller_of(metadata).is_some() || metadata.labels.is_none() {
        return Vec::new();
    }
    let all = daemon_sets.list_namespace(metadata.namespace.as_deref().unwrap_or_default());
    let wanting = all.iter().filter(|daemon_set| {
        let selector = selector::of(&daemon_set.spec.selector);
        selector::matches(&selector, metadata.labels.as_ref())
    });
    wanting.map(|daemon_set| Key::of(&**daemon_set)).collect()
}

/// All DaemonSets, if a node has changed in a way that decides where pods may be.
fn concerned(change: &Change<Node>, daemon_sets: &Cache<DaemonSet>) -> Vec<Key> {
    if let Change::Applied {
        old: Some(old),
        new,
    } = change
        && old.metadata.labels == new.metadata.labels
        && nodes::taints(old) == nodes::taints(new)
    {
        return Vec::new();
    }
    daemon_sets
        .list()
        .iter()
        .map(|daemon_set| Key::of(&**daemon_set))
        .collect()
}

struct DaemonSets {
    context: Context,
    daemon_sets: Cache<DaemonSet>,
    nodes: Cache<Node>,
    owned_revisions: Index<ControllerRevision>,
    orphan_revisions: Index<ControllerRevision>,
    owned: Index<Pod>,
    orphans: Index<Pod>,
    expectations: Expectations,
    failures: Failures,
}

#[async_trait]
impl Reconciler for DaemonSets {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(daemon_set) = self.daemon_sets.get_key(key) else {
            self.expectations.forget(key);
            return Ok(Next::Wait);
        };
        if daemon_set.spec.selector == LabelSelector::default() {
            return Ok(Next::Wait);
        }
        let history = self.history(&daemon_set).await?;
        let observed = self.observe(key, &daemon_set, &history).await?;
        let plan = plan(&observed, self.context.clock.now());
        self.apply(key, &observed, plan, &history).await
    }
}

impl DaemonSets {
    async fn history(&self, daemon_set: &Arc<DaemonSet>) -> anyhow::Result<History> {
        let metadata = &daemon_set.metadata;
        let uid = metadata.uid.as_deref().unwrap_or_default();
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let candidates = self
            .owned_revisions
            .get(uid)
            .into_iter()
            .chain(self.orphan_revisions.get(namespace));
        let selector = selector::of(&daemon_set.spec.selector);
        let claim = ownership::claim(metadata, &selector, candidates);
        let client = &self.context.client;
        let revisions = ownership::carry_out(client, &**daemon_set, claim).await?;
        let collisions = daemon_set
            .status
            .as_ref()
            .and_then(|status| status.collision_count);
        let of = revisions::Template {
            owner: &**daemon_set,
            template: &daemon_set.spec.template,
            collisions,
        };
        match revisions::settle(client, &of, revisions).await? {
            Settled::Found(history) => Ok(history),
            Settled::Collision => {
                let mut counted = DaemonSet::clone(daemon_set);
                counted.status.get_or_insert_default().collision_count =
                    Some(collisions.unwrap_or(0) + 1);
                client.replace_status(&counted).await?;
                anyhow::bail!(
                    "found a hash collision of {}: trying another hash",
                    Key::of(&**daemon_set)
                )
            }
        }
    }

    async fn observe(
        &self,
        key: &Key,
        daemon_set: &Arc<DaemonSet>,
        history: &History,
    ) -> anyhow::Result<Observed> {
        let may_act = self.expectations.satisfied(key);
        let selector = selector::of(&daemon_set.spec.selector);
        let uid = daemon_set.metadata.uid.as_deref().unwrap_or_default();
        let candidates = self
            .owned
            .get(uid)
            .into_iter()
            .chain(self.orphans.get(&key.namespace));
        let claim = ownership::claim(&daemon_set.metadata, &selector, candidates);
        let pods = ownership::carry_out(&self.context.client, &**daemon_set, claim).await?;
        Ok(Observed {
            daemon_set: Arc::clone(daemon_set),
            may_act,
            hash: history.hash(),
            nodes: self.nodes.list(),
            pods,
        })
    }

    async fn apply(
        &self,
        key: &Key,
        observed: &Observed,
        plan: Plan,
        history: &History,
    ) -> anyhow::Result<Next> {
        let daemon_set = &observed.daemon_set;
        let mut then = plan.then;
        let now = self.context.clock.monotonic();
        let (removals, wait) = self.failures.allow(daemon_set, plan.remove, now);
        if let Some(wait) = wait {
            then = Some(then.map_or(wait, |then| then.min(wait)));
        }
        let is_idle = removals.is_empty() && plan.create.is_empty();
        self.expectations.expect_creations(key, plan.create.len());
        self.expectations
            .expect_deletions(key, removals.iter().map(|removal| Key::of(&*removal.pod)));
        let creations = plan
            .create
            .iter()
            .map(|node| self.create(key, observed, node));
        let deletions = removals
            .iter()
            .map(|removal| self.delete(key, daemon_set, removal));
        let failed =
            side_by_side::create_and_delete(creations.collect(), deletions.collect()).await;
        if observed.may_act && is_idle {
            history
                .clean_up(
                    &self.context.client,
                    daemon_set.spec.revision_history_limit,
                    (&observed.pods, ""),
                )
                .await?;
        }
        if daemon_set.status.as_ref() != Some(&plan.status) {
            let mut object = DaemonSet::clone(daemon_set);
            object.status = Some(plan.status);
            let written = self.context.client.replace_status(&object).await?;
            self.daemon_sets.observe_write(written);
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        Ok(then.map_or(Next::Wait, Next::After))
    }
}
