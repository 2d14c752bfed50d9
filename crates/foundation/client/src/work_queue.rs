//! A queue of names that want to be looked at.
//!
//! A name is in it at most once; a name that is added while somebody works on it comes again
//! afterwards, never to two workers at a time. Delayed additions share one timer.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::{self, Debug};
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use styr_base::SharedClock;
use tokio::sync::Notify;

mod metrics;

pub use metrics::QueueMetrics;

/// Upstream's back-off per name.
const RETRY_INITIAL: Duration = Duration::from_millis(5);
const RETRY_MAX: Duration = Duration::from_secs(1000);

/// A work queue. Clones share it.
pub struct WorkQueue<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    clock: SharedClock,
    state: Mutex<State<T>>,
    filled: Notify,
    delayed: Notify,
    metrics: Option<QueueMetrics>,
}

struct State<T> {
    ready: VecDeque<T>,
    /// In `ready`, or to be put there when its work is done; with the time of its addition.
    dirty: HashMap<T, Duration>,
    processing: HashMap<T, Duration>,
    later: BTreeMap<(Duration, u64), T>,
    due: HashMap<T, (Duration, u64)>,
    failures: HashMap<T, u32>,
    sequence: u64,
    closed: bool,
}

impl<T> Clone for WorkQueue<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Debug for WorkQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue").finish_non_exhaustive()
    }
}

impl<T: Clone + Eq + Hash + Send> WorkQueue<T> {
    /// An empty queue; somebody has to run [`Self::run_delays`].
    pub fn new(clock: SharedClock, metrics: Option<QueueMetrics>) -> Self {
        let state = State {
            ready: VecDeque::new(),
            dirty: HashMap::new(),
            processing: HashMap::new(),
            later: BTreeMap::new(),
            due: HashMap::new(),
            failures: HashMap::new(),
            sequence: 0,
            closed: false,
        };
        Self {
            shared: Arc::new(Shared {
                clock,
                state: Mutex::new(state),
                filled: Notify::new(),
                delayed: Notify::new(),
                metrics,
            }),
        }
    }

    /// Wants `item` to be looked at.
    pub fn add(&self, item: T) {
        let now = self.shared.clock.monotonic();
        self.lock().add(item, now, self.metrics());
        self.shared.filled.notify_one();
    }

    /// Wants `item` to be looked at in a while. An earlier wish stands.
    pub fn add_after(&self, item: T, wait: Duration) {
        if wait.is_zero() {
            return self.add(item);
        }
        let now = self.shared.clock.monotonic();
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.sequence += 1;
        let at = (now + wait, state.sequence);
        if let Some(known) = state.due.get(&item).copied() {
            if known.0 <= at.0 {
                return;
            }
            state.later.remove(&known);
        }
        state.due.insert(item.clone(), at);
        state.later.insert(at, item);
        let is_first = state.later.keys().next() == Some(&at);
        drop(state);
        if is_first {
            self.shared.delayed.notify_one();
        }
    }

    /// Wants `item` to be looked at again after a failure: 5 ms later, then twice that, and so on.
    pub fn add_after_failure(&self, item: T) {
        let failures = {
            let mut state = self.lock();
            let failures = state.failures.entry(item.clone()).or_insert(0);
            *failures += 1;
            *failures - 1
        };
        if let Some(metrics) = self.metrics() {
            metrics.retried();
        }
        let factor = 1_u32.checked_shl(failures.min(31)).unwrap_or(u32::MAX);
        self.add_after(item, RETRY_INITIAL.saturating_mul(factor).min(RETRY_MAX));
    }

    /// The last look went well.
    pub fn forget(&self, item: &T) {
        self.lock().failures.remove(item);
    }

    /// How often in a row `item` failed.
    pub fn failures(&self, item: &T) -> u32 {
        self.lock().failures.get(item).copied().unwrap_or(0)
    }

    /// Waits for something to do. `None` once the queue is closed and empty. Every item has to be
    /// handed to [`Self::done`].
    pub async fn next(&self) -> Option<T> {
        loop {
            let waiting = self.shared.filled.notified();
            {
                let now = self.shared.clock.monotonic();
                let mut state = self.lock();
                if let Some(item) = state.take(now, self.metrics()) {
                    if !state.ready.is_empty() {
                        self.shared.filled.notify_one();
                    }
                    return Some(item);
                }
                if state.closed {
                    self.shared.filled.notify_one();
                    return None;
                }
            }
            waiting.await;
        }
    }

    /// The work on `item` has ended, well or not.
    pub fn done(&self, item: &T) {
        let now = self.shared.clock.monotonic();
        let mut state = self.lock();
        let began = state.processing.remove(item);
        if let (Some(metrics), Some(began)) = (self.metrics(), began) {
            metrics.done(now.saturating_sub(began));
        }
        if state.dirty.contains_key(item) {
            state.ready.push_back(item.clone());
            self.shared.filled.notify_one();
        }
    }

    /// Lets the waiting ones go; what is queued is still handed out, nothing more is taken in.
    pub fn close(&self) {
        self.lock().closed = true;
        self.shared.filled.notify_one();
        self.shared.delayed.notify_one();
    }

    /// How many wait to be handed out now.
    pub fn len(&self) -> usize {
        self.lock().ready.len()
    }

    /// Whether none waits to be handed out now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves delayed items to the queue when they are due; ends when the queue is closed.
    pub async fn run_delays(&self) {
        loop {
            let now = self.shared.clock.monotonic();
            let next = {
                let mut state = self.lock();
                if state.closed {
                    return;
                }
                while let Some((at, item)) = state.later.pop_first() {
                    if at.0 > now {
                        state.later.insert(at, item);
                        break;
                    }
                    state.due.remove(&item);
                    state.add(item, now, self.metrics());
                    self.shared.filled.notify_one();
                }
                state
                    .later
                    .keys()
                    .next()
                    .map(|(due, _)| due.saturating_sub(now))
            };
            match next {
                None => self.shared.delayed.notified().await,
                Some(wait) => tokio::select! {
                    () = self.shared.delayed.notified() => {}
                    () = self.shared.clock.sleep(wait) => {}
                },
            }
        }
    }

    fn metrics(&self) -> Option<&QueueMetrics> {
        self.shared.metrics.as_ref()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.shared
            .state
            .lock()
            .expect("no holder of this lock panics")
    }
}

impl<T: Clone + Eq + Hash> State<T> {
    fn add(&mut self, item: T, now: Duration, metrics: Option<&QueueMetrics>) {
        if self.closed || self.dirty.contains_key(&item) {
            return;
        }
        if let Some(metrics) = metrics {
            metrics.added();
        }
        self.dirty.insert(item.clone(), now);
        if !self.processing.contains_key(&item) {
            self.ready.push_back(item);
        }
    }

    fn take(&mut self, now: Duration, metrics: Option<&QueueMetrics>) -> Option<T> {
        let item = self.ready.pop_front()?;
        let added = self.dirty.remove(&item);
        if let (Some(metrics), Some(added)) = (metrics, added) {
            metrics.taken(now.saturating_sub(added));
        }
        self.processing.insert(item.clone(), now);
        Some(item)
    }
}

#[cfg(test)]
mod tests;
