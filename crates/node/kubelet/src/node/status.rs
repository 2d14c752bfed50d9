//! The status of the node: addresses, sizes, conditions, images.

use k8s_openapi::api::core::v1::{
    ContainerImage, DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints,
    NodeRuntimeHandler, NodeRuntimeHandlerFeatures, NodeStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use styr_cri::v1;

use crate::eviction::signal::Pressure;
use crate::runtime::RuntimeFacts;
use crate::shared::Shared;

/// Upstream's limit of the list of images, and of names of one.
const IMAGES_MAX: usize = 50;
const NAMES_MAX: usize = 5;

pub(super) async fn observe(shared: &Shared, node: &Node, port: i32) -> NodeStatus {
    let facts = shared.runtime.facts().await;
    let images = shared.runtime.list_images().await.unwrap_or_default();
    let before = node.status.clone().unwrap_or_default();
    let mut info = shared.machine.info.clone();
    if let Ok(facts) = &facts {
        let version = &facts.version;
        info.container_runtime_version =
            format!("{}://{}", version.runtime_name, version.runtime_version);
    } else if let Some(known) = &before.node_info {
        info.container_runtime_version
            .clone_from(&known.container_runtime_version);
    }
    let mut addresses: Vec<NodeAddress> = Vec::new();
    for ip in &shared.host_ips {
        addresses.push(NodeAddress {
            type_: "InternalIP".into(),
            address: ip.clone(),
        });
    }
    let name = shared.config.node_name.clone();
    addresses.push(NodeAddress {
        type_: "Hostname".into(),
        address: name,
    });
    NodeStatus {
        capacity: Some(shared.machine.capacity(&shared.config)),
        allocatable: Some(shared.machine.allocatable_list(&shared.config)),
        addresses: Some(addresses),
        node_info: Some(info),
        daemon_endpoints: Some(NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port }),
        }),
        conditions: Some(conditions(shared, &facts, &before)),
        images: Some(list(images)),
        runtime_handlers: facts.ok().map(|facts| handlers(&facts.status)),
        ..NodeStatus::default()
    }
}

fn handlers(status: &v1::StatusResponse) -> Vec<NodeRuntimeHandler> {
    let handlers = status.runtime_handlers.iter();
    let mut handlers: Vec<NodeRuntimeHandler> = handlers
        .map(|handler| NodeRuntimeHandler {
            name: Some(handler.name.clone()),
            features: handler
                .features
                .as_ref()
                .map(|features| NodeRuntimeHandlerFeatures {
                    recursive_read_only_mounts: Some(features.recursive_read_only_mounts),
                    user_namespaces: Some(features.user_namespaces),
                }),
        })
        .collect();
    handlers.sort_by(|a, b| a.name.cmp(&b.name));
    handlers
}

fn list(mut images: Vec<v1::Image>) -> Vec<ContainerImage> {
    images.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.id.cmp(&b.id)));
    let images = images.into_iter().take(IMAGES_MAX).map(|image| {
        let names = image.repo_digests.into_iter().chain(image.repo_tags);
        ContainerImage {
            names: Some(names.take(NAMES_MAX).collect()),
            size_bytes: i64::try_from(image.size).ok(),
        }
    });
    images.collect()
}

type Verdict = (&'static str, bool, String, String);

fn conditions(
    shared: &Shared,
    facts: &Result<RuntimeFacts, tonic::Status>,
    before: &NodeStatus,
) -> Vec<NodeCondition> {
    let now =
        Time(jiff::Timestamp::from_second(shared.clock.now().as_second()).unwrap_or_default());
    let old = before.conditions.as_deref().unwrap_or_default();
    let short_of = |kind| pressure(shared, kind);
    let entries = [
        short_of(Pressure::Memory),
        short_of(Pressure::Disk),
        short_of(Pressure::Processes),
        ready(facts),
    ];
    let make = |(kind, is_true, reason, message): Verdict| {
        let status = if is_true { "True" } else { "False" };
        let known = old
            .iter()
            .find(|old| old.type_ == kind && old.status == status);
        NodeCondition {
            type_: kind.into(),
            status: status.into(),
            reason: Some(reason),
            message: Some(message),
            last_heartbeat_time: Some(now.clone()),
            last_transition_time: known
                .and_then(|known| known.last_transition_time.clone())
                .or_else(|| Some(now.clone())),
        }
    };
    entries.into_iter().map(make).collect()
}

/// With upstream's reasons and messages.
fn pressure(shared: &Shared, kind: Pressure) -> Verdict {
    let is_short = shared.pressures.borrow().contains(&kind);
    let (reason, message) = match (kind, is_short) {
        (Pressure::Memory, true) => (
            "KubeletHasInsufficientMemory",
            "kubelet has insufficient memory available",
        ),
        (Pressure::Memory, false) => (
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        (Pressure::Disk, true) => ("KubeletHasDiskPressure", "kubelet has disk pressure"),
        (Pressure::Disk, false) => ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        (Pressure::Processes, true) => (
            "KubeletHasInsufficientPID",
            "kubelet has insufficient PID available",
        ),
        (Pressure::Processes, false) => (
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
    };
    (kind.name(), is_short, reason.into(), message.into())
}

fn ready(facts: &Result<RuntimeFacts, tonic::Status>) -> Verdict {
    let not_ready = |text: String| ("Ready", false, "KubeletNotReady".to_owned(), text);
    let facts = match facts {
        Ok(facts) => facts,
        Err(status) => {
            return not_ready(format!("container runtime is down: {}", status.message()));
        }
    };
    let conditions = facts
        .status
        .status
        .iter()
        .flat_map(|status| &status.conditions);
    let mut problems = Vec::new();
    for condition in conditions {
        let is_required = matches!(condition.r#type.as_str(), "RuntimeReady" | "NetworkReady");
        if is_required && !condition.status {
            let what = if condition.r#type == "NetworkReady" {
                "network"
            } else {
                "runtime"
            };
            problems.push(format!(
                "container runtime {what} not ready: {}=false reason:{} message:{}",
                condition.r#type, condition.reason, condition.message
            ));
        }
    }
    if !problems.is_empty() {
        return not_ready(problems.join(", "));
    }
    (
        "Ready",
        true,
        "KubeletReady".into(),
        "kubelet is posting ready status".into(),
    )
}

pub(super) fn condition(status: &NodeStatus, kind: &str) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    conditions
        .find(|condition| condition.type_ == kind)
        .map(|condition| condition.status.clone())
}

pub(super) fn is_ready(status: &NodeStatus) -> bool {
    condition(status, "Ready").as_deref() == Some("True")
}

/// The fields that are the kubelet's, without times.
fn told(status: &NodeStatus) -> Value {
    let mut conditions: Vec<Value> = status
        .conditions
        .iter()
        .flatten()
        .filter(|c| OWNED.contains(&c.type_.as_str()))
        .map(|c| json!([c.type_, c.status, c.reason, c.message]))
        .collect();
    conditions.sort_by_key(Value::to_string);
    json!([
        status.capacity,
        status.allocatable,
        status.addresses,
        status.node_info,
        status.daemon_endpoints,
        status.images,
        status.runtime_handlers,
        conditions,
    ])
}

const OWNED: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"];

pub(super) fn says_the_same(one: &NodeStatus, other: &NodeStatus) -> bool {
    told(one) == told(other)
}

/// A strategic-merge patch; lists without a merge key are replaced.
pub(super) fn patch(old: &NodeStatus, new: &NodeStatus) -> Value {
    let mut addresses = vec![json!({ "$patch": "replace" })];
    addresses.extend(new.addresses.iter().flatten().map(|address| json!(address)));
    let mut patch = json!({
        "capacity": new.capacity, "allocatable": new.allocatable, "nodeInfo": new.node_info,
        "daemonEndpoints": new.daemon_endpoints, "images": new.images, "conditions": new.conditions,
    });
    if old.addresses != new.addresses {
        patch["addresses"] = Value::Array(addresses);
    }
    if new.runtime_handlers.is_some() {
        patch["runtimeHandlers"] = json!(new.runtime_handlers);
    }
    patch
}
