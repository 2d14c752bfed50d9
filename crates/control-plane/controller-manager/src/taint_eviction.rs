//! Removes pods from nodes whose taints they do not tolerate, or no longer.
//!
//! Watches pods and nodes. Marks pods as disrupted and deletes them; each at the time that its
//! tolerations say, counted from when the taint was added.
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use serde_json::json;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Error, Scope};

use crate::context::Context;
use crate::node_lifecycle::on_node;
use crate::shared::{nodes, pods, requests};

const WORKERS: usize = 8;

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let pods = caches.cache::<Pod>(Scope::all());
    let by_node = pods.index("node", on_node);
    let reconciler = Evictions {
        context: context.clone(),
        pods,
        nodes: caches.cache(Scope::all()),
    };
    let registration = Registration::new("taint-eviction-controller", reconciler)
        .workers(WORKERS)
        .watches::<Pod>(|change: &Change<Pod>| match change {
            Change::Applied { new, .. } if !pods::node(new).is_empty() => vec![Key::of(&**new)],
            _ => Vec::new(),
        })
        .watches::<Node>(move |change: &Change<Node>| match change {
            Change::Applied { old, new } => {
                let before = old.as_ref().map(|old| executing(old)).unwrap_or_default();
                if before == executing(new) {
                    return Vec::new();
                }
                let name = new.metadata.name.as_deref().unwrap_or_default();
                by_node
                    .get(name)
                    .iter()
                    .map(|pod| Key::of(&**pod))
                    .collect()
            }
            _ => Vec::new(),
        });
    Ok(vec![registration])
}

/// Taints that matter to pods that are already there.
fn executing(node: &Node) -> Vec<Taint> {
    let taints = nodes::taints(node).iter();
    taints
        .filter(|taint| taint.effect == "NoExecute")
        .cloned()
        .collect()
}

struct Evictions {
    context: Context,
    pods: Cache<Pod>,
    nodes: Cache<Node>,
}

/// When a pod has to leave.
#[derive(Debug, PartialEq, Eq)]
enum Stay {
    Forever,
    For(Duration),
    NoLonger,
}

#[async_trait]
impl Reconciler for Evictions {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let is_staying = |pod: &Arc<Pod>| pod.metadata.deletion_timestamp.is_none();
        // Finished pods have to go as well: the node is to be empty.
        let Some(pod) = self.pods.get_key(key).filter(is_staying) else {
            return Ok(Next::Wait);
        };
        let Some(node) = self.nodes.get(None, pods::node(&pod)) else {
            return Ok(Next::Wait);
        };
        match plan(&pod, &executing(&node), self.context.clock.now()) {
            Stay::Forever => Ok(Next::Wait),
            Stay::For(time) => Ok(Next::After(time)),
            Stay::NoLonger => {
                self.evict(key, &pod).await?;
                Ok(Next::Wait)
            }
        }
    }
}

/// Decides; touches nothing.
fn plan(pod: &Pod, taints: &[Taint], now: Timestamp) -> Stay {
    let spec = pod.spec.as_ref();
    let tolerations = spec
        .and_then(|spec| spec.tolerations.as_deref())
        .unwrap_or_default();
    let mut stay: Option<Duration> = None;
    for taint in taints {
        let covering = tolerations
            .iter()
            .filter(|toleration| nodes::tolerates(toleration, taint));
        let seconds: Vec<Option<i64>> = covering.map(|t| t.toleration_seconds).collect();
        if seconds.is_empty() {
            return Stay::NoLonger;
        }
        // The shortest of all that name a time; those without one do not shorten it.
        let Some(shortest) = seconds.into_iter().flatten().min() else {
            continue;
        };
        let allowed = Duration::from_secs(u64::try_from(shortest).unwrap_or(0));
        let since = taint.time_added.as_ref().map_or(now, |time| time.0);
        let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let left = allowed.saturating_sub(passed);
        stay = Some(stay.map_or(left, |stay| stay.min(left)));
    }
    match stay {
        None => Stay::Forever,
        Some(left) if left.is_zero() => Stay::NoLonger,
        Some(left) => Stay::For(left),
    }
}

impl Evictions {
    async fn evict(&self, key: &Key, pod: &Pod) -> anyhow::Result<()> {
        let client = &self.context.client;
        let now = styr_meta::time::format(self.context.clock.now());
        let patch = json!({
            "metadata": { "uid": pod.metadata.uid },
            "status": { "conditions": [{
                "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
                "message": "Taint manager: deleting due to NoExecute taint",
                "lastTransitionTime": now,
            }] },
        });
        let text = format!("Marking for deletion Pod {key}");
        self.context
            .recorder
            .normal(pod, "TaintManagerEviction", text);
        let patched = client
            .strategic_patch_status::<Pod>(&key.namespace, &key.name, &patch)
            .await;
        Error::unless_not_found(patched)?;
        let options = requests::exactly(&pod.metadata);
        let deleted = client
            .delete::<Pod>(&key.namespace, &key.name, &options)
            .await;
        Error::unless_not_found(deleted)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
