//! Waits until the application runs and answers: by watches, and then by asking it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::Request;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use styr_base::{Backoff, SharedClock, Shutdown, SystemClock};
use styr_client::{Cache, Caches, Client, Scope};

use super::{NAMESPACE, NODE_PORT};

/// The first pod of a node may wait for its volume; a busy machine takes its time.
const TIME_MAX: Duration = Duration::from_secs(120);
/// Only the nodes' rules for services are still missing then.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// Answers where the application was reached from this machine.
pub(crate) async fn until_it_answers(client: &Client) -> Result<String> {
    let clock = SystemClock::shared();
    let shutdown = Shutdown::new();
    let caches = Caches::new(client.clone(), clock.clone(), shutdown.clone());
    let deployments = caches.cache::<Deployment>(Scope::namespace(NAMESPACE));
    let pods = caches.cache::<Pod>(Scope::namespace(NAMESPACE));
    let nodes = caches.cache::<Node>(Scope::all());
    let synced = async {
        deployments.synced().await;
        pods.synced().await;
        nodes.synced().await;
    };
    tokio::time::timeout(TIME_MAX, synced)
        .await
        .context("the API server does not list what it has")?;
    available(&deployments, &pods, &clock).await?;
    let address = address(&nodes.list()).context("no worker has an address")?;
    let place = format!("http://{address}:{NODE_PORT}/");
    answers(&place, &clock).await?;
    shutdown.request();
    Ok(place)
}

async fn available(
    deployments: &Cache<Deployment>,
    pods: &Cache<Pod>,
    clock: &SharedClock,
) -> Result<()> {
    let mut changes = deployments.subscribe();
    let deadline = clock.sleep(TIME_MAX);
    tokio::pin!(deadline);
    loop {
        let list = deployments.list();
        if !list.is_empty() && list.iter().all(|deployment| is_available(deployment)) {
            return Ok(());
        }
        tokio::select! {
            () = &mut deadline => {
                let troubles: Vec<String> = pods.list().iter().filter_map(|pod| trouble(pod)).collect();
                bail!(
                    "the example did not run within {} s: {}",
                    TIME_MAX.as_secs(),
                    if troubles.is_empty() { "it has no pods".into() } else { troubles.join("; ") }
                );
            }
            _ = changes.next() => {}
        }
    }
}

/// Whether all its pods are of its newest template and can be used.
fn is_available(deployment: &Deployment) -> bool {
    let Some(status) = &deployment.status else {
        return false;
    };
    let desired = deployment.spec.replicas.unwrap_or(1);
    let is_seen = status.observed_generation >= deployment.metadata.generation;
    is_seen
        && status.updated_replicas.unwrap_or(0) == desired
        && status.available_replicas.unwrap_or(0) == desired
}

/// What keeps a pod from being ready, in the words of its status.
fn trouble(pod: &Pod) -> Option<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.iter().flatten();
    let waiting = status
        .container_statuses
        .iter()
        .flatten()
        .find_map(|container| {
            let waiting = container.state.as_ref()?.waiting.as_ref()?;
            Some((waiting.reason.as_deref(), waiting.message.as_deref()))
        });
    let failed = conditions.filter(|it| it.status == "False");
    let mut failed = failed.map(|it| (it.reason.as_deref(), it.message.as_deref()));
    let (reason, message) = waiting.or_else(|| failed.next())?;
    let words: Vec<&str> = [reason, message].into_iter().flatten().collect();
    Some(format!("pod {name}: {}", words.join(", ")))
}

/// The address of a worker, or of the only node.
fn address(nodes: &[Arc<Node>]) -> Option<String> {
    let is_worker = |node: &&Arc<Node>| {
        let labels = node.metadata.labels.as_ref();
        labels.is_none_or(|labels| !labels.contains_key("node-role.kubernetes.io/control-plane"))
    };
    let node = nodes.iter().find(is_worker).or_else(|| nodes.first())?;
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let internal = addresses.iter().find(|it| it.type_ == "InternalIP")?;
    Some(internal.address.clone())
}

/// Nothing tells when a node's rules are in place, so this asks, at first often.
async fn answers(place: &str, clock: &SharedClock) -> Result<()> {
    let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
    let deadline = clock.monotonic() + ANSWER_TIME_MAX;
    loop {
        let request = Request::get(place)
            .body(Bytes::new())
            .context("no request")?;
        match notes::client::send(request).await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) if clock.monotonic() > deadline => {
                bail!("{place} answers {}", answer.status())
            }
            Err(error) if clock.monotonic() > deadline => return Err(error),
            _ => clock.sleep(backoff.next_wait()).await,
        }
    }
}

#[cfg(test)]
mod tests;
