//! Probes of running containers: one task for each, which ends with its container.
//!
//! Timing is upstream's: first after the initial delay, then each period; a result changes after
//! as many answers in a row as the thresholds say. Liveness and readiness wait for start-up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod, PodStatus, Probe};
use styr_base::{Backoff, SharedClock, Tasks};
use styr_client::events::EventType;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::events::Events;
use crate::observed::{Observed, State};
use crate::plan::Health;
use crate::pod;
use crate::runtime::Runtime;

mod prober;

/// The first step between tries of a server that has just been started.
const EAGER_FIRST: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Startup,
    Liveness,
    Readiness,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    Success,
    /// Counts as success, with something to tell.
    Warning(String),
    Failure(String),
    /// The probe itself went wrong.
    Error(String),
}

/// What probing needs.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) runtime: Runtime,
    pub(crate) clock: SharedClock,
    pub(crate) events: Events,
}

/// By the container's id.
type Known = HashMap<(String, Kind), bool>;
type Results = Arc<Mutex<Known>>;

/// The probes of one pod.
#[derive(Debug)]
pub(crate) struct Probes {
    tools: Tools,
    wake: Arc<Notify>,
    results: Results,
    running: HashMap<(String, Kind), AbortHandle>,
    tasks: Tasks,
}

impl Drop for Probes {
    fn drop(&mut self) {
        for handle in self.running.values() {
            handle.abort();
        }
    }
}

impl Probes {
    /// Begins with what an earlier kubelet has `told` of containers: its end says nothing of theirs.
    pub(crate) fn new(tools: Tools, wake: Arc<Notify>, told: &PodStatus) -> Self {
        Self {
            tools,
            wake,
            results: Arc::new(Mutex::new(results_of(told))),
            running: HashMap::new(),
            tasks: Tasks::new(),
        }
    }

    /// A function that answers the health of containers, as of now.
    pub(crate) fn health(&self) -> impl Fn(&str) -> Health + use<> {
        let results = self
            .results
            .lock()
            .expect("no holder of this lock panics")
            .clone();
        move |id| {
            let get = |kind| results.get(&(id.to_owned(), kind)).copied();
            Health {
                startup: get(Kind::Startup),
                liveness: get(Kind::Liveness),
                readiness: get(Kind::Readiness),
            }
        }
    }

    /// Starts the probes that should run and stops the others.
    pub(crate) fn update(&mut self, pod: &Arc<Pod>, observed: &Observed) {
        self.keep(pod, observed, pod::is_deleted(pod));
    }

    /// While a pod ends, nobody asks any more whether it is alive.
    pub(crate) fn update_ending(&mut self, pod: &Arc<Pod>, observed: &Observed) {
        self.keep(pod, observed, true);
    }

    fn keep(&mut self, pod: &Arc<Pod>, observed: &Observed, is_ending: bool) {
        let ip = observed.ips().first().cloned().unwrap_or_default();
        let sidecars = pod::init_containers(pod)
            .iter()
            .filter(|c| pod::is_sidecar(c));
        let mut wanted: Vec<(String, Kind)> = Vec::new();
        for container in sidecars.chain(pod::containers(pod)) {
            let active = observed.active(&container.name);
            let Some(active) = active.filter(|active| active.state == State::Running) else {
                continue;
            };
            let health = self.health()(&active.id);
            let has_started = container.startup_probe.is_none() || health.startup == Some(true);
            let probes = [
                (
                    Kind::Startup,
                    &container.startup_probe,
                    !has_started && !is_ending,
                ),
                (
                    Kind::Liveness,
                    &container.liveness_probe,
                    has_started && !is_ending,
                ),
                (Kind::Readiness, &container.readiness_probe, has_started),
            ];
            for (kind, probe, is_due) in probes {
                let Some(probe) = probe.clone().filter(|_| is_due) else {
                    continue;
                };
                let key = (active.id.clone(), kind);
                wanted.push(key.clone());
                if !self.running.contains_key(&key) {
                    let started = active.started_at.unwrap_or_else(|| self.tools.clock.now());
                    let subject = Subject {
                        pod: Arc::clone(pod),
                        container: container.clone(),
                        id: active.id.clone(),
                        ip: ip.clone(),
                        started,
                    };
                    self.start(key, subject, probe);
                }
            }
        }
        self.running.retain(|key, handle| {
            let keep = wanted.contains(key);
            if !keep {
                handle.abort();
            }
            keep
        });
        let mut results = self.results.lock().expect("no holder of this lock panics");
        results.retain(|(id, _), _| observed.container(id).is_some());
    }

    fn start(&mut self, key: (String, Kind), subject: Subject, probe: Probe) {
        let (results, wake) = (Arc::clone(&self.results), Arc::clone(&self.wake));
        let id = key.clone();
        let report = move |result: bool| {
            let mut results = results.lock().expect("no holder of this lock panics");
            if results.insert(id.clone(), result) != Some(result) {
                wake.notify_one();
            }
        };
        let (tools, kind) = (self.tools.clone(), key.1);
        let handle = self
            .tasks
            .spawn_infallible(probe_loop(tools, subject, (kind, probe), report));
        self.running.insert(key, handle);
    }
}

fn results_of(told: &PodStatus) -> Known {
    let sidecars = told.init_container_statuses.iter().flatten();
    let statuses = sidecars.chain(told.container_statuses.iter().flatten());
    let mut known = Known::new();
    for status in statuses {
        let id = status.container_id.as_deref().unwrap_or_default();
        let Some((_, id)) = id.split_once("://") else {
            continue;
        };
        let results = [
            (Kind::Startup, status.started == Some(true)),
            (Kind::Readiness, status.ready),
        ];
        let good = results.into_iter().filter(|(_, is_good)| *is_good);
        known.extend(good.map(|(kind, _)| ((id.to_owned(), kind), true)));
    }
    known
}

/// What is probed.
#[derive(Debug, Clone)]
struct Subject {
    pod: Arc<Pod>,
    container: Container,
    id: String,
    ip: String,
    started: jiff::Timestamp,
}

fn seconds(value: Option<i32>, default: u64) -> Duration {
    let value = value
        .and_then(|value| u64::try_from(value).ok())
        .filter(|value| *value > 0);
    Duration::from_secs(value.unwrap_or(default))
}

async fn probe_loop(
    tools: Tools,
    subject: Subject,
    (kind, probe): (Kind, Probe),
    report: impl Fn(bool),
) {
    let period = seconds(probe.period_seconds, 10);
    let delay = probe
        .initial_delay_seconds
        .and_then(|delay| u64::try_from(delay).ok())
        .unwrap_or(0);
    let mut first = Duration::from_secs(delay);
    if kind == Kind::Liveness {
        // Upstream's first round finds a container that does not run yet, and waits for the next. A
        // server would be reported as unhealthy at nearly every start otherwise.
        first = first.max(period);
    }
    let due = subject.started + first;
    let wait = due.duration_since(tools.clock.now());
    if let Ok(wait) = Duration::try_from(wait) {
        tools.clock.sleep(wait).await;
    }
    if is_eager(kind, &probe) {
        await_first_success(&tools, &subject, (&probe, period)).await;
    }
    let successes = probe.success_threshold.unwrap_or(1).max(1);
    let failures = probe.failure_threshold.unwrap_or(3).max(1);
    let (mut last, mut in_row) = (None, 0);
    loop {
        let finding = prober::probe(&tools, &subject, &probe).await;
        let good = matches!(finding, Finding::Success | Finding::Warning(_));
        tell(&tools, &subject, kind, &finding);
        if matches!(finding, Finding::Error(_)) {
            // It says nothing of the container; the runtime may just be starting anew.
            tools.clock.sleep(period).await;
            continue;
        }
        in_row = if last == Some(good) { in_row + 1 } else { 1 };
        last = Some(good);
        let threshold = if good { successes } else { failures };
        if in_row >= threshold {
            report(good);
            // The container is about to be killed, or start-up is over: nothing more to learn.
            let is_final = match kind {
                Kind::Startup => true,
                Kind::Liveness => !good,
                Kind::Readiness => false,
            };
            if is_final {
                return;
            }
        }
        tools.clock.sleep(period).await;
    }
}

/// Whether a probe is tried more often at first. A command is not: it costs a process each time.
fn is_eager(kind: Kind, probe: &Probe) -> bool {
    kind != Kind::Liveness && probe.exec.is_none()
}

/// A server refuses for some milliseconds after its container has started, and a whole period would
/// be lost if that were asked once only. So until the first success, but for one period at most,
/// it is asked in growing steps; these answers do not count and are told to nobody.
async fn await_first_success(
    tools: &Tools,
    subject: &Subject,
    (probe, period): (&Probe, Duration),
) {
    let deadline = tools.clock.monotonic() + period;
    let mut backoff = Backoff::new(EAGER_FIRST, period);
    loop {
        let finding = prober::probe(tools, subject, probe).await;
        let wait = backoff.next_wait();
        let is_good = matches!(finding, Finding::Success | Finding::Warning(_));
        if is_good || tools.clock.monotonic() + wait > deadline {
            return;
        }
        tools.clock.sleep(wait).await;
    }
}

fn tell(tools: &Tools, subject: &Subject, kind: Kind, finding: &Finding) {
    let about = (&*subject.pod, subject.container.name.as_str());
    let name = kind.name();
    match finding {
        Finding::Success => {}
        Finding::Warning(text) => {
            let message = format!("{name} probe warning: {text}");
            tools
                .events
                .container(about, EventType::Warning, "ProbeWarning", message);
        }
        Finding::Failure(text) => {
            let message = format!("{name} probe failed: {text}");
            tools
                .events
                .container(about, EventType::Warning, "Unhealthy", message);
        }
        Finding::Error(text) => {
            let message = format!("{name} probe errored and resulted in unknown state: {text}");
            tools
                .events
                .container(about, EventType::Warning, "Unhealthy", message);
        }
    }
}

#[cfg(test)]
mod tests;
