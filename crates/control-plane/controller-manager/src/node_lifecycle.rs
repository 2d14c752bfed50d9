//! Notices nodes that have gone silent, and taints nodes by their conditions.
//!
//! Watches nodes and their Leases. Writes nodes' status and taints, and the readiness of pods on
//! nodes that are not ready. Silence is measured on our own clock from the last change that we saw.
//! Zones and rate limits of eviction are not heeded: every unready node is tainted at once.
//! <https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller>

mod plan;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, ObjectReference, Pod};
use serde_json::json;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::events::EventType;
use styr_client::{Cache, Change, Error, Index, Scope};

use crate::context::Context;
use crate::shared::pods;
use plan::{Observed, Plan, plan};

const LEASES: &str = "kube-node-lease";

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let leases = Scope::namespace(LEASES);
    let reconciler = Nodes {
        context: context.clone(),
        nodes: caches.cache(Scope::all()),
        leases: caches.cache(leases.clone()),
        pods: caches.cache::<Pod>(Scope::all()).index("node", on_node),
        heard: Mutex::default(),
    };
    let registration = Registration::new("node-lifecycle-controller", reconciler)
        .primary::<Node>()
        .reads::<Pod>()
        .watches_within::<Lease>(leases, |change: &Change<Lease>| {
            let lease = change.object();
            lease
                .and_then(|lease| lease.metadata.name.clone())
                .map(Key::cluster)
                .into_iter()
                .collect()
        });
    Ok(vec![registration])
}

/// An index of pods by node.
pub(crate) fn on_node(pod: &Pod) -> Vec<String> {
    let node = pods::node(pod);
    if node.is_empty() {
        Vec::new()
    } else {
        vec![node.to_owned()]
    }
}

/// What a node last said, and when we heard it.
#[derive(Debug, Clone, PartialEq)]
struct Heard {
    uid: Option<String>,
    said: String,
    at: Duration,
}

struct Nodes {
    context: Context,
    nodes: Cache<Node>,
    leases: Cache<Lease>,
    pods: Index<Pod>,
    heard: Mutex<HashMap<String, Heard>>,
}

#[async_trait]
impl Reconciler for Nodes {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(node) = self.nodes.get_key(key) else {
            let known = self.heard().remove(&key.name);
            if let Some(known) = known {
                let what = format!("Removing Node {} from Controller", key.name);
                self.tell(&key.name, known.uid, ("RemovingNode", what));
            }
            return Ok(Next::Wait);
        };
        let silence = self.listen(&key.name, &node);
        let config = &self.context.config;
        let observed = Observed {
            silence,
            grace: config.node_grace,
            startup_grace: config.node_startup_grace,
            node: Arc::clone(&node),
        };
        let plan = plan(&observed, self.context.clock.now());
        self.apply(&node, &plan).await?;
        Ok(plan.then.map_or(Next::Wait, Next::After))
    }
}

impl Nodes {
    fn heard(&self) -> std::sync::MutexGuard<'_, HashMap<String, Heard>> {
        self.heard.lock().expect("no holder of this lock panics")
    }

    /// How long the node has said nothing new.
    fn listen(&self, name: &str, node: &Node) -> Duration {
        let lease = self.leases.get(Some(LEASES), name);
        let renewed = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.clone());
        let said = format!(
            "{renewed:?} {:?}",
            plan::ready(node).map(|ready| &ready.last_heartbeat_time)
        );
        let now = self.context.clock.monotonic();
        let mut heard = self.heard();
        let entry = heard.entry(name.to_owned()).or_insert_with(|| {
            let uid = node.metadata.uid.clone();
            let what = format!("Registered Node {name} in Controller");
            self.tell(name, uid.clone(), ("RegisteredNode", what));
            Heard {
                uid,
                said: said.clone(),
                at: now,
            }
        });
        if entry.said != said {
            entry.said = said;
            entry.at = now;
        }
        now.saturating_sub(entry.at)
    }

    /// A node that is gone has nothing but its name and uid.
    fn tell(&self, name: &str, uid: Option<String>, (reason, what): (&str, String)) {
        let reference = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Node".to_owned()),
            name: Some(name.to_owned()),
            uid,
            ..ObjectReference::default()
        };
        let message = format!("Node {name} event: {what}");
        self.context
            .recorder
            .record(reference, EventType::Normal, reason, message);
    }

    async fn apply(&self, node: &Arc<Node>, plan: &Plan) -> anyhow::Result<()> {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let client = &self.context.client;
        if !plan.conditions.is_empty() {
            let patch = json!({ "status": { "conditions": plan.conditions } });
            client
                .strategic_patch_status::<Node>("", name, &patch)
                .await?;
            self.context.recorder.normal(
                &**node,
                "NodeNotReady",
                format!("Node {name} status is now: NodeNotReady"),
            );
        }
        if let Some(taints) = &plan.taints {
            let patch = json!({
                "metadata": { "resourceVersion": plan.conditions.is_empty().then_some(&node.metadata.resource_version) },
                "spec": { "taints": taints },
            });
            client.merge_patch::<Node>("", name, &patch).await?;
        }
        if plan.pods_are_unready {
            for pod in self.pods.get(name) {
                self.mark_unready(&pod).await?;
            }
        }
        Ok(())
    }

    /// Nobody there will say so.
    async fn mark_unready(&self, pod: &Pod) -> anyhow::Result<()> {
        if !pods::is_ready(pod) {
            return Ok(());
        }
        let Key { namespace, name } = Key::of(pod);
        let now = styr_meta::time::format(self.context.clock.now());
        let patch = json!({
            "metadata": { "uid": pod.metadata.uid },
            "status": { "conditions": [
                { "type": "Ready", "status": "False", "lastTransitionTime": now },
            ] },
        });
        let patched = self
            .context
            .client
            .strategic_patch_status::<Pod>(&namespace, &name, &patch);
        Error::unless_not_found(patched.await)?;
        self.context
            .recorder
            .warning(pod, "NodeNotReady", "Node is not ready");
        Ok(())
    }
}
