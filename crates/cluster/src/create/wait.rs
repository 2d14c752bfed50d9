//! Waits for the control plane, for nodes and for pods: by watches, not by polls.

use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{Node, Pod};
use styr_base::{Backoff, SharedClock, Shutdown};
use styr_client::{Caches, Client, Scope};

use crate::config::Config;

/// How long the control plane may take.
const CONTROL_PLANE_MAX: Duration = Duration::from_secs(120);
/// System pods are those of these namespaces.
const NAMESPACES: [&str; 2] = ["kube-system", "local-path-storage"];

/// Waits until the API server says that it is ready.
///
/// Nothing tells when a server begins to listen, so this asks, at first often.
pub(super) async fn ready(client: &Client, clock: &SharedClock) -> Result<()> {
    let mut backoff = Backoff::new(Duration::from_millis(5), Duration::from_millis(100));
    let deadline = clock.monotonic() + CONTROL_PLANE_MAX;
    loop {
        let request = http::Request::get("/readyz")
            .body(Vec::new())
            .context("no request")?;
        match client.kube().request_text(request).await {
            Ok(_) => return Ok(()),
            Err(error) if clock.monotonic() > deadline => {
                return Err(error).with_context(|| {
                    format!(
                        "the API server was not ready after {} s; see the logs of kubelet and \
                         container runtime in the node's folder (--retain keeps it)",
                        CONTROL_PLANE_MAX.as_secs()
                    )
                });
            }
            Err(_) => clock.sleep(backoff.next_wait()).await,
        }
    }
}

/// Waits until all nodes are Ready and all system pods are Running and Ready; answers what is not
/// after `limit`.
pub(super) async fn all(
    client: &Client,
    config: &Config,
    (clock, limit): (&SharedClock, Duration),
) -> Vec<String> {
    let shutdown = Shutdown::new();
    let caches = Caches::new(client.clone(), clock.clone(), shutdown.clone());
    let nodes = caches.cache::<Node>(Scope::all());
    let pods = caches.cache::<Pod>(Scope::all());
    let (mut node_changes, mut pod_changes) = (nodes.subscribe(), pods.subscribe());
    let deadline = clock.sleep(limit);
    tokio::pin!(deadline);
    loop {
        let missing = missing(&nodes.list(), &pods.list(), config);
        if missing.is_empty() {
            shutdown.request();
            return missing;
        }
        tokio::select! {
            () = &mut deadline => {
                shutdown.request();
                return missing;
            }
            _ = node_changes.next() => {}
            _ = pod_changes.next() => {}
        }
    }
}

fn missing(
    nodes: &[std::sync::Arc<Node>],
    pods: &[std::sync::Arc<Pod>],
    config: &Config,
) -> Vec<String> {
    let mut missing = Vec::new();
    for node in &config.nodes {
        let is_ready = nodes
            .iter()
            .any(|it| it.metadata.name.as_deref() == Some(node.name.as_str()) && node_is_ready(it));
        if !is_ready && !config.disable_default_cni {
            missing.push(format!("node {}", node.name));
        }
    }
    let system = |pod: &&std::sync::Arc<Pod>| {
        NAMESPACES
            .iter()
            .any(|it| pod.metadata.namespace.as_deref() == Some(it))
    };
    let system: Vec<_> = pods.iter().filter(system).collect();
    for pod in &system {
        if !pod_is_ready(pod) && !config.disable_default_cni {
            missing.push(format!(
                "pod {}",
                pod.metadata.name.as_deref().unwrap_or_default()
            ));
        }
    }
    // Pods that nobody has made yet are missing as well.
    let made = |prefix: &str| {
        let names = system.iter().filter_map(|pod| pod.metadata.name.as_deref());
        names.filter(|name| name.starts_with(prefix)).count()
    };
    let count = config.nodes.len();
    let expected = [
        ("kube-proxy-", count),
        ("coredns-", 2),
        ("local-path-provisioner-", 1),
        (
            "styr-network-",
            if config.disable_default_cni { 0 } else { count },
        ),
        ("etcd-", 1),
        ("kube-scheduler-", 1),
    ];
    for (prefix, count) in expected {
        if made(prefix) < count {
            missing.push(format!("pods {prefix}*"));
        }
    }
    missing
}

fn node_is_ready(node: &Node) -> bool {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|it| it.type_ == "Ready" && it.status == "True")
}

fn pod_is_ready(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let running = status.and_then(|it| it.phase.as_deref()) == Some("Running");
    let conditions = status.and_then(|status| status.conditions.as_ref());
    running
        && conditions
            .into_iter()
            .flatten()
            .any(|it| it.type_ == "Ready" && it.status == "True")
}
