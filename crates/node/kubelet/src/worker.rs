//! The state machine of one pod: sets it up, keeps it running, ends it, cleans up after it.
//!
//! Driven by events: its definition, the runtime, probes, volumes, and timers with a reason. Every
//! pass begins with what the runtime says now, so a lost or doubled event changes nothing. A pass
//! may be cut off at any await when the pod is to end; what it left is seen by the next one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use styr_base::Tasks;
use tokio::sync::{Notify, watch};

use crate::back_off::BackOff;
use crate::eviction::{self, Eviction};
use crate::images::Images;
use crate::observed::Observed;
use crate::pod;
use crate::probes::Probes;
use crate::shared::Shared;
use crate::status::{self, Waiting};
use crate::status_writer::{Order, StatusWriter};
use crate::volumes::Mounted;

mod clean;
mod end;
pub(crate) mod resize;
mod start;
mod sync;
mod watches;

/// What is wanted of a pod.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    pub(crate) pod: Arc<Pod>,
    /// The pod is no longer in its source: end it and leave nothing behind.
    pub(crate) is_removed: bool,
    /// The pod may not run here: reason and message.
    pub(crate) rejected: Option<(String, String)>,
    /// The node needs what the pod uses.
    pub(crate) evicted: Option<Eviction>,
}

/// The manager's handle of a worker.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) desired: watch::Sender<Desired>,
    pub(crate) wake: Arc<Notify>,
    /// What the worker last published; for the kubelet's own API.
    pub(crate) status: watch::Receiver<PodStatus>,
    writer: Arc<Notify>,
}

impl Handle {
    /// The pod's object in the API has changed.
    pub(crate) fn api_changed(&self) {
        self.writer.notify_one();
    }
}

struct Worker {
    shared: Arc<Shared>,
    uid: String,
    desired: watch::Receiver<Desired>,
    wake: Arc<Notify>,
    status: watch::Sender<PodStatus>,
    orders: watch::Sender<Order>,
    probes: Probes,
    images: Images,
    crashes: BackOff,
    /// Why containers wait, by name.
    waiting: HashMap<String, Waiting>,
    volumes: Option<BTreeMap<String, Mounted>>,
    volumes_failures: u32,
    /// The labels and annotations that volumes show.
    volumes_told: Option<(Labels, Labels)>,
    volumes_changed: Arc<Mutex<bool>>,
    watches: Option<Tasks>,
    /// Containers whose last hook has run.
    pre_stopped: Arc<Mutex<HashSet<String>>>,
    /// Overrules the phase: phase, reason, message.
    verdict: Option<(String, String, String)>,
    has_cgroup: bool,
    /// The resources of running containers, by id.
    sizes: HashMap<String, resize::Applied>,
    errors: u32,
}

type Labels = Option<BTreeMap<String, String>>;

/// When to look again without an event; the reason is in the caller.
type NextLook = Option<Timestamp>;

/// Makes a worker; the future runs until the pod is gone.
pub(crate) fn new(
    shared: &Arc<Shared>,
    desired: Desired,
) -> (Handle, impl Future<Output = ()> + Send + use<>) {
    let pod = Arc::clone(&desired.pod);
    let uid = pod::uid(&pod).to_owned();
    let before = shared.api_pod(&pod).and_then(|pod| pod.status.clone());
    let before = before.or_else(|| pod.status.clone()).unwrap_or_default();
    let (desired, desired_receiver) = watch::channel(desired);
    let wake = Arc::new(Notify::new());
    let probes = Probes::new(shared.probe_tools(), Arc::clone(&wake), &before);
    let (status, status_receiver) = watch::channel(before);
    let (orders, orders_receiver) = watch::channel(Order::default());
    let writer_wake = Arc::new(Notify::new());
    let writer = StatusWriter::new(
        Arc::clone(shared),
        pod,
        orders_receiver,
        Arc::clone(&writer_wake),
    );
    let worker = Worker {
        probes,
        shared: Arc::clone(shared),
        uid,
        desired: desired_receiver,
        wake: Arc::clone(&wake),
        status,
        orders,
        images: Images::new(Arc::clone(&wake)),
        crashes: BackOff::default(),
        waiting: HashMap::new(),
        volumes: None,
        volumes_failures: 0,
        volumes_told: None,
        volumes_changed: Arc::default(),
        watches: None,
        pre_stopped: Arc::default(),
        verdict: None,
        has_cgroup: false,
        sizes: HashMap::new(),
        errors: 0,
    };
    let handle = Handle {
        desired,
        wake,
        status: status_receiver,
        writer: writer_wake,
    };
    let run = async move {
        // The writer ends with the worker: nothing is left to tell.
        tokio::select! {
            () = worker.run() => {}
            () = writer.run() => {}
        }
    };
    (handle, run)
}

fn must_end(desired: &Desired) -> bool {
    desired.is_removed
        || desired.rejected.is_some()
        || desired.evicted.is_some()
        || pod::is_deleted(&desired.pod)
}

impl Worker {
    async fn run(mut self) {
        loop {
            let desired = self.desired.borrow_and_update().clone();
            if let Some((reason, message)) = &desired.rejected
                && self.verdict.is_none()
            {
                let message = format!("Pod was rejected: {message}");
                self.verdict = Some(("Failed".into(), reason.clone(), message));
            }
            if let Some(eviction) = &desired.evicted
                && self.verdict.is_none()
            {
                let message = eviction.message.clone();
                self.verdict = Some(("Failed".into(), eviction::REASON.into(), message));
            }
            let ended = pod::is_terminal(&desired.pod) && !pod::is_static(&desired.pod);
            if must_end(&desired) || self.verdict.is_some() || ended || self.has_final_phase() {
                return self.end().await;
            }
            let mut watcher = self.desired.clone();
            let ending = async move {
                // Fails only without a sender: the kubelet ends, and so does this task.
                let _ = watcher.wait_for(must_end).await;
            };
            let next = tokio::select! {
                biased;
                () = ending => continue,
                next = self.sync(&desired.pod) => next,
            };
            if self.has_final_phase() || self.verdict.is_some() {
                continue;
            }
            if !self.wait(next).await {
                return;
            }
        }
    }

    fn has_final_phase(&self) -> bool {
        matches!(
            self.status.borrow().phase.as_deref(),
            Some("Succeeded" | "Failed")
        )
    }

    /// Waits for an event or until `next`. `false` if nobody wants the pod any more.
    async fn wait(&mut self, next: NextLook) -> bool {
        let clock = self.shared.clock.clone();
        let timer = async {
            match next {
                Some(at) => {
                    let wait = Duration::try_from(at.duration_since(clock.now()));
                    clock.sleep(wait.unwrap_or(Duration::ZERO)).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.desired.changed() => changed.is_ok(),
            () = self.wake.notified() => true,
            () = timer => true,
        }
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// In `seconds` from now.
    fn later(&self, seconds: i64) -> Timestamp {
        self.now() + SignedDuration::from_secs(seconds)
    }

    /// Computes the status, keeps it, and has it written if it says something new.
    fn publish(&mut self, pod: &Pod, observed: &Observed, is_ending: bool) {
        let before = self.status.borrow().clone();
        let waiting = |name: &str| self.waiting.get(name).cloned();
        let health = self.probes.health();
        let now = Timestamp::from_second(self.now().as_second()).unwrap_or_default();
        // Without conditions of others, which the API's copy has and ours may not have yet.
        let api = self.shared.api_pod(pod);
        let subject = match api {
            Some(api) if pod::is_deleted(pod) == pod::is_deleted(&api) => {
                let mut subject = pod.clone();
                subject.status.clone_from(&api.status);
                subject.metadata.generation = api.metadata.generation;
                subject
            }
            _ => pod.clone(),
        };
        let is_evicted = {
            let desired = self.desired.borrow();
            desired.evicted.as_ref().is_some_and(|it| it.is_for_others)
        };
        let inputs = status::Inputs {
            old: &before,
            health: &health,
            waiting: &waiting,
            is_ending,
            verdict: self.verdict.as_ref(),
            is_evicted,
            host_ips: &self.shared.host_ips,
            runtime: self.shared.runtime.name(),
            now,
        };
        let new = status::compute(&subject, observed, &inputs);
        if !status::says_the_same(&before, &new) {
            self.status.send_replace(new.clone());
        }
        self.orders.send_if_modified(|order| {
            let is_new = order
                .status
                .as_ref()
                .is_none_or(|known| !status::says_the_same(known, &new));
            if is_new {
                order.status = Some(new);
            }
            is_new
        });
    }
}
