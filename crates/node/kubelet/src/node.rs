//! The node's own object: registered at the start, its status kept current, its lease renewed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, NodeSpec, NodeStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use styr_base::{Backoff, Outage};
use styr_client::Client;
use styr_client::events::EventType;

use crate::objects::said;
use crate::shared::Shared;

pub(crate) mod allocatable;
pub(crate) mod lease;
mod status;

/// How often the machine's conditions are looked at; upstream's `nodeStatusUpdateFrequency`.
const LOOK: Duration = Duration::from_secs(10);
/// A status is written this often though nothing changed; upstream's `nodeStatusReportFrequency`.
const REPORT: Duration = Duration::from_secs(300);
/// While the runtime is not ready yet it is asked more often, as it tells nobody.
const LOOK_UNREADY: Duration = Duration::from_millis(200);

/// Registers the node and keeps its status. Until dropped.
pub(crate) async fn run(shared: Arc<Shared>, client: Client, port: i32) {
    let mut backoff = Backoff::new(Duration::from_millis(25), Duration::from_secs(7));
    let mut outage = Outage::default();
    let mut node = loop {
        match register(&shared, &client, port).await {
            Ok(node) => break node,
            Err(error) => {
                let now = shared.clock.monotonic();
                outage.failed(now, "could not register the node", &said(&error));
                shared.clock.sleep(backoff.next_wait()).await;
            }
        }
    };
    shared
        .events
        .node(EventType::Normal, "Starting", "Starting kubelet.");
    if let Some(status) = &node.status {
        tell_transitions(&shared, PRESSURES, &NodeStatus::default(), status);
    }
    let mut pressures = shared.pressures.subscribe();
    let mut reported = shared.clock.monotonic();
    let mut pod_cidr = String::new();
    loop {
        let new = status::observe(&shared, &node, port).await;
        let old = node.status.clone().unwrap_or_default();
        let is_due = shared.clock.monotonic() - reported >= REPORT;
        let is_ready = status::is_ready(&new);
        if is_due || !status::says_the_same(&old, &new) {
            tell_transitions(&shared, READINESS, &old, &new);
            tell_transitions(&shared, PRESSURES, &old, &new);
            match write(&shared, &client, &old, &new).await {
                Ok(written) => {
                    node = written;
                    reported = shared.clock.monotonic();
                }
                Err(error) if error.is_not_found() => {
                    // Somebody deleted the node; upstream's kubelet does not bring it back by itself.
                    tracing::warn!(text = said(&error), "the node is gone from the API");
                }
                Err(error) => {
                    tracing::warn!(text = said(&error), "could not write the node's status");
                }
            }
        }
        let cidr = node
            .spec
            .as_ref()
            .and_then(|spec| spec.pod_cidr.clone())
            .unwrap_or_default();
        if cidr != pod_cidr {
            match shared.runtime.update_pod_cidr(&cidr).await {
                Ok(()) => pod_cidr = cidr,
                Err(status) => tracing::debug!(%status, "could not tell the runtime its pod range"),
            }
        }
        let wait = if is_ready { LOOK } else { LOOK_UNREADY };
        tokio::select! {
            () = shared.clock.sleep(wait) => {}
            // Fails only without a sender, which lives as long as this.
            _ = pressures.changed() => {}
        }
        if let Ok(current) = client.get::<Node>("", &shared.config.node_name).await {
            node = current;
        }
    }
}

async fn register(shared: &Shared, client: &Client, port: i32) -> Result<Node, styr_client::Error> {
    let name = &shared.config.node_name;
    if !shared.config.register_node {
        return client.get("", name).await;
    }
    let mut node = initial(shared);
    node.status = Some(status::observe(shared, &node, port).await);
    match client.create(&node).await {
        Ok(node) => Ok(node),
        Err(error) if error.is_already_exists() => {
            let known: Node = client.get("", name).await?;
            match reconcile(&known, &node) {
                Some(patch) => client.merge_patch("", name, &patch).await,
                None => Ok(known),
            }
        }
        Err(error) => Err(error),
    }
}

fn initial(shared: &Shared) -> Node {
    let config = &shared.config;
    let info = &shared.machine.info;
    let text = |text: &str| text.to_owned();
    let mut labels = BTreeMap::from([
        (text("kubernetes.io/hostname"), config.node_name.clone()),
        (text("kubernetes.io/os"), info.operating_system.clone()),
        (text("kubernetes.io/arch"), info.architecture.clone()),
        (text("beta.kubernetes.io/os"), info.operating_system.clone()),
        (text("beta.kubernetes.io/arch"), info.architecture.clone()),
    ]);
    labels.extend(config.node_labels.clone());
    let managed = (
        "volumes.kubernetes.io/controller-managed-attach-detach".into(),
        "true".into(),
    );
    Node {
        metadata: ObjectMeta {
            name: Some(config.node_name.clone()),
            labels: Some(labels),
            annotations: Some(BTreeMap::from([managed])),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec {
            taints: Some(config.taints.clone()).filter(|taints| !taints.is_empty()),
            provider_id: Some(config.provider_id.clone()).filter(|id| !id.is_empty()),
            ..NodeSpec::default()
        }),
        status: None,
    }
}

/// Labels of a node that is known already are renewed; taints are not, somebody may have removed them.
fn reconcile(known: &Node, wanted: &Node) -> Option<Value> {
    let empty = BTreeMap::new();
    let have = known.metadata.labels.as_ref().unwrap_or(&empty);
    let want = wanted.metadata.labels.as_ref().unwrap_or(&empty);
    let missing: BTreeMap<&String, &String> = want
        .iter()
        .filter(|(key, value)| have.get(*key) != Some(value))
        .collect();
    let annotations = wanted.metadata.annotations.clone();
    (!missing.is_empty())
        .then(|| json!({ "metadata": { "labels": missing, "annotations": annotations } }))
}

async fn write(
    shared: &Shared,
    client: &Client,
    old: &NodeStatus,
    new: &NodeStatus,
) -> Result<Node, styr_client::Error> {
    let patch = json!({ "status": status::patch(old, new) });
    client
        .strategic_patch_status("", &shared.config.node_name, &patch)
        .await
}

/// A condition, its status, and the reason of the event that tells of it.
type Transition = (&'static str, &'static str, &'static str);

const READINESS: &[Transition] = &[
    ("Ready", "True", "NodeReady"),
    ("Ready", "False", "NodeNotReady"),
];
/// These are told at each start as well.
const PRESSURES: &[Transition] = &[
    ("MemoryPressure", "False", "NodeHasSufficientMemory"),
    ("MemoryPressure", "True", "NodeHasInsufficientMemory"),
    ("DiskPressure", "False", "NodeHasNoDiskPressure"),
    ("DiskPressure", "True", "NodeHasDiskPressure"),
    ("PIDPressure", "False", "NodeHasSufficientPID"),
    ("PIDPressure", "True", "NodeHasInsufficientPID"),
];

fn tell_transitions(shared: &Shared, told: &[Transition], old: &NodeStatus, new: &NodeStatus) {
    let name = &shared.config.node_name;
    for (kind, value, reason) in told {
        let before = status::condition(old, kind);
        if status::condition(new, kind).as_deref() == Some(value)
            && before.as_deref() != Some(value)
        {
            let text = format!("Node {name} status is now: {reason}");
            shared.events.node(EventType::Normal, reason, text);
        }
    }
}
