//! The task that owns the queue and the snapshot: takes in changes, runs cycles, starts bindings.

mod changes;
mod metrics;
mod preempt;
mod sources;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{EventSource, Pod};
use k8s_openapi::api::storage::v1::VolumeAttachment;
use styr_base::{SharedClock, Shutdown, Tasks};
use styr_client::events::Recorder;
use styr_client::{Cache, Caches, Client, Scope};
use styr_component::metrics::Registry;
use tokio::sync::mpsc;

use crate::binding::{Binder, Bound};
use crate::cycle::{self, Diagnosis};
use crate::framework::Plugin;
use crate::plugins;
use crate::pod::PodInfo;
use crate::queue::Queue;
use crate::report::{self, Verdict};
use crate::snapshot::Snapshot;
use metrics::Metrics;
use sources::{News, Sources};
use writer::Writer;

/// Pods between their choice and their binding; those waiting for volumes are among them.
const IN_FLIGHT_MAX: usize = 1000;

/// All that is scheduled with.
pub(crate) struct Scheduler {
    clock: SharedClock,
    shutdown: Shutdown,
    pods: Cache<Pod>,
    snapshot: Snapshot,
    queue: Queue,
    plugins: Arc<[Box<dyn Plugin>]>,
    /// By the name that pods ask for it with.
    recorders: BTreeMap<String, Recorder>,
    client: Client,
    /// Rooms that are being made, by the pod's uid: the node, and the pod.
    nominated: HashMap<String, (String, Arc<PodInfo>)>,
    binder: Binder,
    in_flight: usize,
    /// Chooses among equally good nodes.
    turn: usize,
    writer: Writer,
    metrics: Metrics,
    tasks: Tasks,
}

/// Runs until `shutdown` is requested.
pub(crate) async fn run(
    client: Client,
    (clock, shutdown): (SharedClock, Shutdown),
    names: &[String],
    registry: &Registry,
) {
    let caches = Caches::new(client.clone(), Arc::clone(&clock), shutdown.clone());
    let pods = sources::pods(&caches);
    let (bound_sender, bound) = mpsc::channel(IN_FLIGHT_MAX);
    let storage = storage(&caches);
    let sources = Sources::new(&caches, &storage, bound);
    let plugins: Arc<[Box<dyn Plugin>]> = plugins::default(Some(storage)).into();
    let recorder = |name: &String| {
        let source = EventSource {
            component: Some(name.clone()),
            host: None,
        };
        let (clock, shutdown) = (Arc::clone(&clock), shutdown.clone());
        Recorder::new(client.clone(), clock, shutdown, source)
    };
    let recorders = names.iter().map(|name| (name.clone(), recorder(name)));
    let tasks = Tasks::new();
    let scheduler = Scheduler {
        pods,
        snapshot: Snapshot::default(),
        queue: Queue::default(),
        plugins: Arc::clone(&plugins),
        recorders: recorders.collect(),
        binder: Binder::new(client.clone(), plugins, bound_sender),
        client: client.clone(),
        nominated: HashMap::new(),
        in_flight: 0,
        turn: 0,
        writer: Writer::start(client, Arc::clone(&clock), &tasks),
        metrics: Metrics::new(registry),
        tasks,
        clock,
        shutdown,
    };
    scheduler.run(sources).await;
}

/// What the plugins about volumes read and write.
fn storage(caches: &Caches) -> plugins::Storage {
    let attachments = caches.cache::<VolumeAttachment>(Scope::all());
    plugins::Storage {
        claims: caches.cache(Scope::all()),
        volumes: caches.cache(Scope::all()),
        classes: caches.cache(Scope::all()),
        csi_nodes: caches.cache(Scope::all()),
        attachments: attachments.index("node", |made| vec![made.spec.node_name.clone()]),
        namespaces: caches.cache(Scope::all()),
        client: caches.client().clone(),
        clock: Arc::clone(caches.clock()),
    }
}

impl Scheduler {
    async fn run(mut self, mut sources: Sources) {
        let shutdown = self.shutdown.clone();
        loop {
            let now = self.clock.monotonic();
            self.queue.advance(now);
            let may_work =
                sources.is_full() && self.queue.has_ready() && self.in_flight < IN_FLIGHT_MAX;
            if !may_work {
                self.metrics.pending(self.queue.counts());
            }
            let due = self.queue.next_due();
            let timer = async {
                match due {
                    Some(due) => self.clock.sleep(due.saturating_sub(now)).await,
                    None => std::future::pending().await,
                }
            };
            // In this order: what is known is taken in before anything is decided.
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                news = sources.next() => self.take_in(news),
                () = tokio::task::yield_now(), if may_work => self.schedule_next(),
                () = timer => {}
            }
        }
    }

    fn take_in(&mut self, news: News) {
        match news {
            News::Node(change) => self.node_changed(change),
            News::Pod(change) => self.pod_changed(change),
            News::Other(happening) => self.wake(&[happening]),
            News::Bound(bound) => self.binding_ended(bound),
            News::Synced => {}
        }
    }

    fn schedule_next(&mut self) {
        let Some(info) = self.queue.take() else {
            return;
        };
        let started = self.clock.monotonic();
        self.turn = self.turn.wrapping_add(1);
        // Room that is being made for others counts as taken.
        let kept = self.kept_for(&info);
        for (node, other) in &kept {
            self.snapshot.place(other, node);
        }
        let chosen = cycle::choose(&self.plugins, &info, &self.snapshot, self.turn);
        for (_, other) in &kept {
            self.snapshot.remove(&other.uid);
        }
        let chosen = chosen.and_then(|node| self.reserve(&info, node));
        let result = match &chosen {
            Ok(_) => "scheduled",
            Err(_) => "unschedulable",
        };
        match chosen {
            Ok(node) => self.start_binding(info, node),
            Err(diagnosis) => self.reject(&info, diagnosis),
        }
        let took = self.clock.monotonic() - started;
        self.metrics.attempted(result, took);
    }

    fn reserve(&self, info: &PodInfo, node: String) -> Result<String, Diagnosis> {
        let Some(chosen) = self.snapshot.node(&node) else {
            return Err(Diagnosis::default());
        };
        for plugin in self.plugins.iter() {
            if let Err(rejection) = plugin.reserve(info, chosen) {
                self.unreserve(info);
                let reasons = rejection.reasons.into_iter();
                let reasons = reasons.map(|reason| (reason.into_owned(), 1));
                return Err(Diagnosis {
                    nodes: self.snapshot.nodes().len(),
                    reasons: reasons.collect(),
                    plugins: [plugin.name()].into(),
                    ..Diagnosis::default()
                });
            }
        }
        Ok(node)
    }

    fn unreserve(&self, info: &PodInfo) {
        for plugin in self.plugins.iter() {
            plugin.unreserve(info);
        }
    }

    fn start_binding(&mut self, info: Arc<PodInfo>, node: String) {
        self.place(&info, &node);
        self.nominated.remove(&info.uid);
        self.in_flight += 1;
        let binding = self.binder.clone().run(info, node);
        self.tasks.spawn_infallible(binding);
    }

    fn binding_ended(&mut self, bound: Bound) {
        let Bound {
            info,
            node,
            outcome,
        } = bound;
        self.in_flight -= 1;
        self.unreserve(&info);
        let error = match outcome {
            Ok(()) => {
                self.queue.remove(&info.uid);
                if let Some(recorder) = self.recorders.get(info.scheduler()) {
                    let text = format!("Successfully assigned {} to {node}", info.key);
                    recorder.normal(&*info.pod, "Scheduled", text);
                }
                return;
            }
            Err(error) => format!("{error:#}"),
        };
        let current = self.pods.get_key(&info.key);
        let current = current.map(PodInfo::new);
        if current.is_some_and(|now| now.uid == info.uid && now.node().is_some()) {
            // It was bound after all; only the answer was lost.
            self.queue.remove(&info.uid);
            return;
        }
        tracing::warn!(pod = %info.key, %node, %error, "could not bind");
        self.metrics.attempted("error", Duration::ZERO);
        self.gone(&info.uid);
        self.queue.fail(&info.uid, self.clock.monotonic());
        let verdict = Verdict {
            reason: "SchedulerError",
            message: error,
            nominated: None,
        };
        self.tell(&info, verdict);
    }

    fn reject(&mut self, info: &Arc<PodInfo>, diagnosis: Diagnosis) {
        let (after, nominated) = if diagnosis.nodes == 0 || diagnosis.general.is_some() {
            (String::new(), None)
        } else {
            self.preempt(info, &diagnosis)
        };
        let message = report::text(&diagnosis, &after);
        let now = self.clock.monotonic();
        self.queue.reject(&info.uid, diagnosis.plugins, now);
        let reason = "Unschedulable";
        let verdict = Verdict {
            reason,
            message,
            nominated,
        };
        self.tell(info, verdict);
    }

    /// Tells by an event and by the pod's condition.
    fn tell(&self, info: &Arc<PodInfo>, verdict: Verdict) {
        if let Some(recorder) = self.recorders.get(info.scheduler()) {
            recorder.warning(&*info.pod, "FailedScheduling", verdict.message.clone());
        }
        self.writer.write(Arc::clone(info), verdict);
    }
}
