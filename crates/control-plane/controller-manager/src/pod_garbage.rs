//! Removes pods that nobody will remove: of nodes that are gone, never bound but leaving, and finished
//! ones beyond a threshold.
//!
//! Watches pods and nodes, deletes pods without grace.
//! Invariant: a pod is not taken for orphaned before its node has been gone for 40 seconds, and not
//! without asking the server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::json;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Error, Index, Scope};

use crate::context::Context;
use crate::node_lifecycle::on_node;
use crate::shared::{pods, requests};

/// How long a node may be away, as when it is registered anew.
const QUARANTINE: Duration = Duration::from_secs(40);
const FINISHED: &str = "finished";

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let pods = caches.cache::<Pod>(Scope::all());
    let nodes = caches.cache::<Node>(Scope::all());
    let by_node = pods.index("node", on_node);
    let reconciler = Collector {
        context: context.clone(),
        finished: pods.index(FINISHED, |pod| {
            if pods::is_finished(pod) {
                vec![String::new()]
            } else {
                Vec::new()
            }
        }),
        pods,
        nodes: nodes.clone(),
    };
    let registration = Registration::new("pod-garbage-collector-controller", reconciler)
        .reads::<Node>()
        .watches_sorting::<Pod>(move |change: &Change<Pod>, queue| {
            let Change::Applied { new, .. } = change else {
                return;
            };
            let is_lost = !pods::node(new).is_empty() && nodes.get(None, pods::node(new)).is_none();
            let is_unbound =
                pods::node(new).is_empty() && new.metadata.deletion_timestamp.is_some();
            if is_unbound || pods::is_finished(new) {
                queue.add(Key::of(&**new));
            } else if is_lost {
                queue.add_after(Key::of(&**new), QUARANTINE);
            }
        })
        .watches_sorting::<Node>(move |change: &Change<Node>, queue| {
            if let Change::Deleted(node) = change {
                let name = node.metadata.name.as_deref().unwrap_or_default();
                for pod in by_node.get(name) {
                    queue.add_after(Key::of(&*pod), QUARANTINE);
                }
            }
        });
    Ok(vec![registration])
}

struct Collector {
    context: Context,
    pods: Cache<Pod>,
    finished: Index<Pod>,
    nodes: Cache<Node>,
}

#[async_trait]
impl Reconciler for Collector {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(pod) = self.pods.get_key(key) else {
            return Ok(Next::Wait);
        };
        if pods::is_finished(&pod) {
            self.keep_to_threshold().await?;
        }
        let node = pods::node(&pod);
        if node.is_empty() {
            if pod.metadata.deletion_timestamp.is_some() {
                self.remove(&pod, None).await?;
            }
        } else if self.nodes.get(None, node).is_none() && self.is_gone(node).await? {
            let message = "PodGC: node no longer exists";
            self.remove(&pod, Some(message)).await?;
        }
        Ok(Next::Wait)
    }
}

impl Collector {
    async fn is_gone(&self, node: &str) -> anyhow::Result<bool> {
        let found = self.context.client.get::<Node>("", node).await;
        Ok(Error::unless_not_found(found)?.is_none())
    }

    async fn keep_to_threshold(&self) -> anyhow::Result<()> {
        let max = self.context.config.terminated_pods_max;
        let mut finished = self.finished.get("");
        let excess = finished.len().saturating_sub(max);
        if max == 0 || excess == 0 {
            return Ok(());
        }
        finished.sort_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
        for pod in finished.iter().take(excess) {
            self.remove(pod, None).await?;
        }
        Ok(())
    }

    async fn remove(&self, pod: &Arc<Pod>, disrupted: Option<&str>) -> anyhow::Result<()> {
        let Key { namespace, name } = Key::of(&**pod);
        let client = &self.context.client;
        if !pods::is_finished(pod) {
            let now = styr_meta::time::format(self.context.clock.now());
            let conditions: Vec<_> = disrupted
                .map(|message| {
                    json!({
                        "type": "DisruptionTarget", "status": "True",
                        "reason": "DeletionByPodGC", "message": message,
                        "lastTransitionTime": now,
                    })
                })
                .into_iter()
                .collect();
            let patch = json!({
                "metadata": { "uid": pod.metadata.uid },
                "status": { "phase": "Failed", "conditions": conditions },
            });
            let patched = client
                .strategic_patch_status::<Pod>(&namespace, &name, &patch)
                .await;
            Error::unless_not_found(patched)?;
        }
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            ..requests::exactly(&pod.metadata)
        };
        Error::unless_not_found(client.delete::<Pod>(&namespace, &name, &options).await)?;
        Ok(())
    }
}
