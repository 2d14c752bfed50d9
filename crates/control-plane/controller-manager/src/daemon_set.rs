//! Keeps one pod of a DaemonSet on every node that it is meant for.
//!
//! Watches DaemonSets, their pods and revisions, and nodes. Writes pods, ControllerRevisions and the
//! status. Invariant: a rolling update never makes more nodes unavailable than `maxUnavailable`, and
//! no node has two pods unless the update may surge.
//! <https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/>

mod plan;
mod template;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, LabelSelector, Preconditions};
use styr_base::Backoff;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::expectations::Expectations;
use styr_client::{Cache, Change, Error, Index, Scope, controller_of};

use crate::context::Context;
use crate::shared::revisions::{self, History, Settled};
use crate::shared::{nodes, ownership, selector, side_by_side};
use plan::{Observed, Plan, Removal, plan};

/// Upstream's back-off of pods that fail on a node.
const FAILED_INITIAL: Duration = Duration::from_secs(1);
const FAILED_MAX: Duration = Duration::from_secs(900);

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
        failures: Mutex::default(),
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

/// A node on which a pod has failed.
struct Failed {
    backoff: Backoff,
    since: Duration,
    wait: Duration,
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
    /// By uid of the DaemonSet and node.
    failures: Mutex<HashMap<(String, String), Failed>>,
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
        let (removals, wait) = self.without_backed_off(daemon_set, plan.remove);
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

    /// Pods that fail again and again on a node are replaced more and more slowly.
    fn without_backed_off(
        &self,
        daemon_set: &DaemonSet,
        removals: Vec<Removal>,
    ) -> (Vec<Removal>, Option<Duration>) {
        let now = self.context.clock.monotonic();
        let uid = daemon_set.metadata.uid.clone().unwrap_or_default();
        let mut failures = self.failures.lock().expect("no holder of this lock panics");
        // What has not failed for twice the longest wait is well again.
        failures.retain(|_, failed| now.saturating_sub(failed.since) < 2 * FAILED_MAX);
        let mut next: Option<Duration> = None;
        let allowed = removals.into_iter().filter(|removal| {
            let Some(node) = &removal.failed_on else {
                return true;
            };
            let id = (uid.clone(), node.clone());
            let failed = failures.entry(id).or_insert_with(|| Failed {
                backoff: Backoff::new(FAILED_INITIAL, FAILED_MAX),
                since: now,
                wait: Duration::ZERO,
            });
            let left = (failed.since + failed.wait).saturating_sub(now);
            if left.is_zero() {
                (failed.since, failed.wait) = (now, failed.backoff.next_wait());
                return true;
            }
            next = Some(next.map_or(left, |next| next.min(left)));
            false
        });
        (allowed.collect(), next)
    }

    async fn create(&self, key: &Key, observed: &Observed, node: &str) -> Result<(), Error> {
        let daemon_set = &*observed.daemon_set;
        let pod = template::pod(daemon_set, node, &observed.hash);
        let recorder = &self.context.recorder;
        match self.context.client.create(&pod).await {
            Ok(pod) => {
                let name = pod.metadata.name.unwrap_or_default();
                recorder.normal(
                    daemon_set,
                    "SuccessfulCreate",
                    format!("Created pod: {name}"),
                );
                Ok(())
            }
            Err(error) => {
                // The creation will not be seen.
                self.expectations.creation_observed(key);
                if error.is_namespace_terminating() {
                    return Ok(());
                }
                let text = message(&error);
                recorder.warning(
                    daemon_set,
                    "FailedCreate",
                    format!("Error creating: {text}"),
                );
                Err(error)
            }
        }
    }

    async fn delete(
        &self,
        key: &Key,
        daemon_set: &DaemonSet,
        removal: &Removal,
    ) -> Result<(), Error> {
        let pod_key = Key::of(&*removal.pod);
        let Key { namespace, name } = &pod_key;
        let recorder = &self.context.recorder;
        if let Some(node) = &removal.failed_on {
            let text =
                format!("Found failed daemon pod {pod_key} on node {node}, will try to kill it");
            recorder.warning(daemon_set, "FailedDaemonPod", text);
        }
        let options = DeleteOptions {
            preconditions: Some(Preconditions {
                uid: removal.pod.metadata.uid.clone(),
                resource_version: None,
            }),
            ..DeleteOptions::default()
        };
        match self
            .context
            .client
            .delete::<Pod>(namespace, name, &options)
            .await
        {
            Ok(()) => {
                recorder.normal(
                    daemon_set,
                    "SuccessfulDelete",
                    format!("Deleted pod: {name}"),
                );
                Ok(())
            }
            Err(error) => {
                self.expectations.deletion_observed(key, &pod_key);
                if error.is_not_found() || error.is_conflict() {
                    return Ok(());
                }
                let text = message(&error);
                recorder.warning(
                    daemon_set,
                    "FailedDelete",
                    format!("Error deleting: {text}"),
                );
                Err(error)
            }
        }
    }
}

/// What the server said, for those who read events.
fn message(error: &Error) -> String {
    error
        .status()
        .map_or_else(|| error.to_string(), |status| status.message.clone())
}
