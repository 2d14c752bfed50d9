//! Time as an argument.
//!
//! Wall time ([`Clock::now`]) is for what is written down; monotonic time ([`Clock::monotonic`])
//! is for what is waited for. Both come from one object, so a stepped clock moves them together.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

/// A future that is finished when a wait is over.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The clock that a component was given.
pub type SharedClock = Arc<dyn Clock>;

/// Wall time, monotonic time and waiting.
pub trait Clock: Send + Sync + Debug {
    /// Wall time, as it is written into objects.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary start; never goes back.
    fn monotonic(&self) -> Duration;
    /// Finishes once `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The machine's own clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// A shared handle, which is what components take.
    pub fn shared() -> SharedClock {
        Arc::new(Self::default())
    }
}

impl Default for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn default() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that moves only when a test says so.
#[derive(Debug, Default)]
pub struct SteppedClock {
    inner: Mutex<Stepped>,
}

#[derive(Debug, Default)]
struct Stepped {
    elapsed: Duration,
    sequence: u64,
    sleepers: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
}

impl SteppedClock {
    /// A clock at 2026-01-01T00:00:00Z, with nobody waiting.
    pub fn shared() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Moves time forward and wakes whoever waited for less than that, in order of their deadline.
    pub fn step(&self, by: Duration) {
        let due = {
            let mut inner = self.inner.lock().expect("no holder of this lock panics");
            inner.elapsed += by;
            let first_later = (inner.elapsed + Duration::from_nanos(1), 0);
            let later = inner.sleepers.split_off(&first_later);
            std::mem::replace(&mut inner.sleepers, later)
        };
        for (_, sleeper) in due {
            // A sleeper that was dropped in the meantime no longer wants to know.
            let _ = sleeper.send(());
        }
    }

    /// The time until the next sleeper is due, if anybody waits.
    pub fn next_due(&self) -> Option<Duration> {
        let inner = self.inner.lock().expect("no holder of this lock panics");
        inner
            .sleepers
            .keys()
            .next()
            .map(|(due, _)| due.saturating_sub(inner.elapsed))
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        const START_SECONDS: i64 = 1_767_225_600;
        let start = Timestamp::from_second(START_SECONDS).expect("a constant within range");
        start + jiff::SignedDuration::try_from(self.monotonic()).expect("tests step by hours")
    }

    fn monotonic(&self) -> Duration {
        self.inner
            .lock()
            .expect("no holder of this lock panics")
            .elapsed
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut inner = self.inner.lock().expect("no holder of this lock panics");
        if duration.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        let (sender, receiver) = oneshot::channel();
        inner.sequence += 1;
        let key = (inner.elapsed + duration, inner.sequence);
        inner.sleepers.insert(key, sender);
        Box::pin(async move {
            // The sender goes only with the clock itself; nobody is left to wait then.
            let _ = receiver.await;
        })
    }
}

#[cfg(test)]
mod tests;
