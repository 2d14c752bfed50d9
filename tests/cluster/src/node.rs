//! A node with a kubelet that runs nothing: it says what a kubelet would say if all went well.
//!
//! A pod is Running when it is seen and Ready a second later, unless it is annotated never to be;
//! one that is not to be restarted succeeds then. A pod that is to go is gone at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use serde_json::{Value, json};
use styr_base::{SharedClock, Shutdown};
use styr_client::controller::{Harness, Key, Next, Reconciler, Registration};
use styr_client::{Cache, Caches, Client, Error, Scope};

use crate::Cluster;

/// A pod with this annotation runs and is never ready.
pub const NEVER_READY: &str = "test/never-ready";
/// What containers take to start, and jobs to be done.
const WORK: Duration = Duration::from_secs(1);
/// Upstream's interval.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A quarter of what the lease lasts.
const LEASE_SECONDS: u64 = 40;

const LEASES: &str = "kube-node-lease";

static ADDRESSES: AtomicU32 = AtomicU32::new(1);

/// A node that can die.
#[derive(Debug)]
pub struct Node {
    alive: Shutdown,
}

impl Node {
    pub(crate) async fn start(cluster: &Cluster, name: &str) -> Self {
        let client = cluster.users.node(name);
        let clock = cluster.clock();
        let alive = cluster.shutdown();
        // Tries again for as long as there are faults.
        while register(&client, &clock, name).await.is_err() {
            clock.sleep(WORK).await;
        }
        let heart = (client.clone(), Arc::clone(&clock), name.to_owned());
        let beating = alive.clone();
        cluster.spawn(async move {
            tokio::select! {
                () = beat(heart) => {}
                () = beating.requested() => {}
            }
            Ok(())
        });
        let caches = Caches::new(client.clone(), Arc::clone(&clock), alive.clone());
        let scope = Scope::all().fields(format!("spec.nodeName={name}"));
        let kubelet = Kubelet {
            pods: caches.cache(scope.clone()),
            client,
            clock,
        };
        let registration =
            Registration::new("kubelet", kubelet).watches_within::<Pod>(scope, |change| {
                let pod = change.object();
                pod.map(|pod| Key::of(&**pod)).into_iter().collect()
            });
        cluster.spawn(Harness::new(caches, None).run(vec![registration]));
        Self { alive }
    }

    /// Nothing is heard of it any more.
    pub fn die(&self) {
        self.alive.request();
    }
}

async fn register(client: &Client, clock: &SharedClock, name: &str) -> Result<(), Error> {
    let now = clock.now().to_string();
    let room = json!({ "cpu": "8", "memory": "16Gi", "pods": "110" });
    let node: NodeObject = parse(json!({
        "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } },
        "status": {
            "capacity": room, "allocatable": room,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady",
                "message": "kubelet is posting ready status",
                "lastHeartbeatTime": now, "lastTransitionTime": now,
            }],
        },
    }));
    match client.create(&node).await {
        Err(error) if !error.is_already_exists() => Err(error),
        _ => Ok(()),
    }
}

async fn beat((client, clock, name): (Client, SharedClock, String)) {
    loop {
        let wait = match renew(&client, &clock, &name).await {
            Ok(()) => HEARTBEAT,
            Err(_) => WORK,
        };
        clock.sleep(wait).await;
    }
}

async fn renew(client: &Client, clock: &SharedClock, name: &str) -> Result<(), Error> {
    let spec = json!({
        "holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS,
        "renewTime": micro_time(clock),
    });
    let patch = json!({ "spec": spec });
    let known = client.merge_patch::<Lease>(LEASES, name, &patch).await;
    match known {
        Err(error) if error.is_not_found() => {
            let metadata = json!({ "namespace": LEASES, "name": name });
            let lease: Lease = parse(json!({ "metadata": metadata, "spec": spec }));
            client.create(&lease).await.map(drop)
        }
        other => other.map(drop),
    }
}

/// Microseconds, as leases have them.
fn micro_time(clock: &SharedClock) -> String {
    format!("{:.6}", clock.now())
}

fn parse<K: serde::de::DeserializeOwned>(tree: Value) -> K {
    serde_json::from_value(tree).expect("an object of the kind")
}

struct Kubelet {
    client: Client,
    clock: SharedClock,
    pods: Cache<Pod>,
}

#[async_trait]
impl Reconciler for Kubelet {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(pod) = self.pods.get_key(key) else {
            return Ok(Next::Wait);
        };
        if pod.metadata.deletion_timestamp.is_some() {
            self.remove(key, &pod).await?;
            return Ok(Next::Wait);
        }
        let status = pod.status.clone().unwrap_or_default();
        match (status.phase.as_deref(), status.start_time) {
            (Some("Succeeded" | "Failed"), _) => Ok(Next::Wait),
            (_, None) => {
                self.report(key, &pod, State::Started).await?;
                Ok(Next::After(WORK))
            }
            (_, Some(start)) => {
                let worked = self.clock.now().duration_since(start.0);
                let left = WORK.saturating_sub(worked.unsigned_abs());
                if !left.is_zero() {
                    return Ok(Next::After(left));
                }
                let annotations = pod.metadata.annotations.as_ref();
                let is_stuck = annotations.is_some_and(|all| all.contains_key(NEVER_READY));
                let policy = pod
                    .spec
                    .as_ref()
                    .and_then(|spec| spec.restart_policy.as_deref());
                if policy != Some("Always") {
                    self.report(key, &pod, State::Done).await?;
                } else if !is_stuck && !is_ready(&pod) {
                    self.report(key, &pod, State::Ready).await?;
                }
                Ok(Next::Wait)
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Started,
    Ready,
    Done,
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

impl Kubelet {
    async fn report(&self, key: &Key, pod: &Pod, state: State) -> Result<(), Error> {
        let now = self.clock.now().to_string();
        let ready = if state == State::Ready {
            "True"
        } else {
            "False"
        };
        let condition = |name: &str, status: &str| json!({ "type": name, "status": status, "lastTransitionTime": now });
        let running = match state {
            State::Done => json!({ "terminated": {
                "exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now,
            }}),
            State::Started | State::Ready => json!({ "running": { "startedAt": now } }),
        };
        let spec = pod.spec.clone().unwrap_or_default();
        let containers = spec.containers.iter().map(|container| {
            json!({
                "name": container.name, "image": container.image, "imageID": "", "restartCount": 0,
                "ready": state == State::Ready, "started": true, "state": running,
            })
        });
        let mut status = json!({
            "phase": if state == State::Done { "Succeeded" } else { "Running" },
            "conditions": [condition("Initialized", "True"), condition("ContainersReady", ready),
                           condition("Ready", ready)],
            "containerStatuses": containers.collect::<Vec<_>>(),
        });
        if state == State::Started {
            let number = ADDRESSES.fetch_add(1, Ordering::Relaxed);
            let address = format!("10.244.{}.{}", (number / 250) % 250, number % 250 + 1);
            status["startTime"] = json!(now);
            status["podIP"] = json!(address);
            status["podIPs"] = json!([{ "ip": address }]);
        }
        let patch = json!({ "metadata": { "uid": pod.metadata.uid }, "status": status });
        let Key { namespace, name } = key;
        let client = &self.client;
        let patched = client
            .strategic_patch_status::<Pod>(namespace, name, &patch)
            .await;
        Error::unless_not_found(patched).map(drop)
    }

    async fn remove(&self, key: &Key, pod: &Pod) -> Result<(), Error> {
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions {
                uid: pod.metadata.uid.clone(),
                resource_version: None,
            }),
            ..DeleteOptions::default()
        };
        let deleted = self
            .client
            .delete::<Pod>(&key.namespace, &key.name, &options)
            .await;
        Error::unless_not_found(deleted).map(drop)
    }
}
