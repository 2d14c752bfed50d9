//! Keeps the node going when it runs short of memory, disk or processes: tells of it, gets back what
//! nobody needs, and ends the pods that can best be spared, one at a time.
//!
//! It also ends pods that take more local storage than they were given.
//!
//! A timer looks: neither file systems nor the whole machine's memory tell when they run low, and a
//! look is a few small reads. What it does beyond looking happens only when something is short.
//!
//! See <https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/>.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use styr_client::events::EventType;

use crate::pod;
use crate::pods::Table;
use crate::shared::Shared;

mod limits;
mod message;
mod observe;
pub(crate) mod policy;
mod rank;
mod reclaim;
pub(crate) mod signal;
mod state;
mod usage;

use rank::Candidate;
use reclaim::Reclaimable;
use signal::Observations;
use state::{Outcome, Starved, State};

/// Upstream's `evictionMonitoringPeriod`.
const LOOK: Duration = Duration::from_secs(10);
/// Counting files may take at most one part in so many of the time.
const COUNTING_SHARE: u32 = 20;
/// Upstream's `ImageGCPeriod`.
const COLLECT: Duration = Duration::from_secs(300);
/// An evicted pod may take this long before the next look.
const CLEANUP_MAX: Duration = Duration::from_secs(30);
/// The grace of a pod that goes for a hard threshold.
const HARD_GRACE_SECONDS: i64 = 1;
/// The reason in a pod's status and event.
pub(crate) const REASON: &str = "Evicted";

/// An order to end a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Eviction {
    pub(crate) message: String,
    pub(crate) grace_seconds: i64,
    /// The pod goes for the good of others: its conditions say so.
    pub(crate) is_for_others: bool,
}

/// Looks at the node over and over.
#[derive(Debug)]
pub(crate) struct Manager {
    shared: Arc<Shared>,
    state: State,
    images: reclaim::Images,
    /// Where the runtime keeps images, once it has said so.
    image_folder: Option<PathBuf>,
    began: Duration,
    collected: Option<Duration>,
    /// When files are counted again.
    counting: Duration,
}

impl Manager {
    /// Looks for the first time, so that the node's first status tells the truth.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let began = shared.clock.monotonic();
        let mut manager = Self {
            shared,
            state: State::default(),
            images: reclaim::Images::default(),
            image_folder: None,
            began,
            collected: None,
            counting: began,
        };
        manager.look();
        manager
    }

    /// Until dropped.
    pub(crate) async fn run(mut self, table: Table) {
        loop {
            if self.image_folder.is_none() {
                self.image_folder = self.shared.runtime.image_folder().await.ok().flatten();
            }
            let (observations, outcome) = self.look();
            self.collect_images(&observations).await;
            let mut evicted = self.end_greedy(&table).await;
            if let (true, Some(starved)) = (evicted.is_empty(), outcome.starved) {
                evicted.extend(self.relieve(&table, starved).await);
            }
            for uid in &evicted {
                self.await_end(&table, uid).await;
            }
            if evicted.is_empty() {
                self.shared.clock.sleep(LOOK).await;
            }
        }
    }

    fn look(&mut self) -> (Observations, Outcome) {
        let shared = &self.shared;
        let observations = observe::observe(shared, self.image_folder.as_deref());
        let now = shared.clock.monotonic();
        let outcome = self.state.look(now, &shared.config.eviction, &observations);
        shared.pressures.send_if_modified(|known| {
            let differs = *known != outcome.pressures;
            known.clone_from(&outcome.pressures);
            differs
        });
        (observations, outcome)
    }

    async fn collect_images(&mut self, observations: &Observations) {
        let shared = &self.shared;
        let now = shared.clock.monotonic();
        let is_due = self.collected.is_none_or(|at| now - at >= COLLECT);
        if !is_due || !shared.config.image_collection.is_active() {
            return;
        }
        self.collected = Some(now);
        let running = now - self.began;
        let collected = self.images.collect(shared, running, observations);
        if let Err(status) = collected.await {
            tracing::warn!(%status, "could not collect images");
        }
    }

    /// Ends pods that take more local storage than they were given; their uids.
    async fn end_greedy(&mut self, table: &Table) -> Vec<String> {
        let shared = Arc::clone(&self.shared);
        let began = shared.clock.monotonic();
        let mut pods = table.active();
        pods.retain(|pod| limits::is_limited(pod) && !pod::is_critical(pod));
        if pods.is_empty() || began < self.counting {
            return Vec::new();
        }
        let found = match exceeding(&shared, pods).await {
            Ok(found) => found,
            Err(status) => {
                tracing::warn!(%status, "could not measure what pods store");
                return Vec::new();
            }
        };
        let now = shared.clock.monotonic();
        self.counting = now + (now - began) * COUNTING_SHARE;
        let mut ended = Vec::new();
        for (pod, message) in found {
            shared.events.warning(&pod, REASON, message.clone());
            let eviction = Eviction {
                message,
                grace_seconds: HARD_GRACE_SECONDS,
                is_for_others: false,
            };
            table.evict(pod::uid(&pod), eviction);
            ended.push(pod::uid(&pod).to_owned());
        }
        ended
    }

    /// Gets back what is short; the uid of the pod that has to go for it.
    async fn relieve(&mut self, table: &Table, starved: Starved) -> Option<String> {
        let shared = Arc::clone(&self.shared);
        let signal = starved.threshold.signal;
        let text = format!("Attempting to reclaim {}", signal.resource());
        let events = &shared.events;
        events.node(EventType::Warning, "EvictionThresholdMet", text);
        let images = self.image_folder.as_deref();
        let reclaimable = reclaim::reclaimable(signal, &shared.config.root_dir, images);
        if reclaimable == Reclaimable::ContainersAndImages {
            reclaim::remove_dead(&shared, table).await;
            self.images.remove_unused(&shared).await;
            let observations = observe::observe(&shared, self.image_folder.as_deref());
            if state::is_resolved(&shared.config.eviction, &observations) {
                return None;
            }
        }
        let candidates = candidates(&shared, table, signal.resource()).await;
        let chosen = candidates
            .into_iter()
            .find(|it| !pod::is_critical(&it.pod))?;
        let message = message::message(&chosen.pod, chosen.usage.as_ref(), &starved);
        shared.events.warning(&chosen.pod, REASON, message.clone());
        let own = pod::grace_seconds(&chosen.pod);
        let grace_seconds = if starved.threshold.is_hard() {
            HARD_GRACE_SECONDS
        } else {
            own.min(shared.config.eviction.soft_grace_max_seconds)
        };
        let uid = pod::uid(&chosen.pod).to_owned();
        let eviction = Eviction {
            message,
            grace_seconds,
            is_for_others: true,
        };
        table.evict(&uid, eviction);
        Some(uid)
    }

    /// Until an evicted pod's containers have ended, or it takes too long.
    async fn await_end(&self, table: &Table, uid: &str) {
        let Some(mut status) = table.watch_status(uid) else {
            return;
        };
        let ended = status.wait_for(|status| {
            let mut containers = status.container_statuses.iter().flatten();
            status.phase.as_deref() == Some("Failed")
                && containers.all(|it| {
                    let state = it.state.as_ref();
                    state.is_none_or(|state| state.running.is_none())
                })
        });
        tokio::select! {
            // Fails when the pod is gone, which is as good.
            _ = ended => {}
            () = self.shared.clock.sleep(CLEANUP_MAX) => {}
        }
    }
}

/// Those of some pods that store too much, and what of.
async fn exceeding(
    shared: &Arc<Shared>,
    pods: Vec<Arc<Pod>>,
) -> Result<Vec<(Arc<Pod>, String)>, tonic::Status> {
    let mut usage = usage::of_pods(shared, &pods).await?;
    let shared = Arc::clone(shared);
    let measure = move || {
        let exceeded = |pod: Arc<Pod>| {
            let usage = usage.remove(pod::uid(&pod));
            let volume = |name: &str| usage::of_empty_dir(&shared, &pod, name);
            let message = limits::exceeded(&pod, usage.as_ref(), volume)?;
            Some((pod, message))
        };
        pods.into_iter().filter_map(exceeded).collect()
    };
    let measured = tokio::task::spawn_blocking(measure).await;
    measured.map_err(|error| tonic::Status::internal(error.to_string()))
}

/// All pods that run, those that are to go first at the front.
async fn candidates(shared: &Arc<Shared>, table: &Table, resource: &str) -> Vec<Candidate> {
    let pods = table.active();
    let mut usage = match usage::of_pods(shared, &pods).await {
        Ok(usage) => usage,
        Err(status) => {
            tracing::warn!(%status, "could not ask the runtime what pods use");
            return Vec::new();
        }
    };
    let candidate = |pod: Arc<Pod>| {
        let usage = usage.remove(pod::uid(&pod));
        Candidate { pod, usage }
    };
    let mut candidates: Vec<Candidate> = pods.into_iter().map(candidate).collect();
    rank::rank(&mut candidates, resource);
    candidates
}
