//! Upstream's `workqueue_*` metrics.

use std::time::Duration;

use styr_component::metrics::{Counter, Gauge, Histogram, Registry};

const BUCKETS: &[f64] = &[
    1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0,
];

/// The metrics of one queue.
#[derive(Debug, Clone)]
pub struct QueueMetrics {
    name: String,
    depth: Gauge,
    adds: Counter,
    waits: Histogram,
    works: Histogram,
    retries: Counter,
}

impl QueueMetrics {
    /// Of the queue with this name.
    pub fn new(registry: &Registry, name: &str) -> Self {
        const NAME: &[&str] = &["name"];
        Self {
            name: name.to_owned(),
            depth: registry.gauge("workqueue_depth", "Current depth of workqueue", NAME),
            adds: registry.counter(
                "workqueue_adds_total",
                "Total number of adds handled by workqueue",
                NAME,
            ),
            waits: registry.histogram(
                "workqueue_queue_duration_seconds",
                "How long in seconds an item stays in workqueue before being requested.",
                NAME,
                BUCKETS,
            ),
            works: registry.histogram(
                "workqueue_work_duration_seconds",
                "How long in seconds processing an item from workqueue takes.",
                NAME,
                BUCKETS,
            ),
            retries: registry.counter(
                "workqueue_retries_total",
                "Total number of retries handled by workqueue",
                NAME,
            ),
        }
    }

    pub(super) fn added(&self) {
        self.adds.increment(&[&self.name]);
        self.depth.add(&[&self.name], 1.0);
    }

    pub(super) fn taken(&self, waited: Duration) {
        self.depth.add(&[&self.name], -1.0);
        self.waits.observe(&[&self.name], waited.as_secs_f64());
    }

    pub(super) fn done(&self, took: Duration) {
        self.works.observe(&[&self.name], took.as_secs_f64());
    }

    pub(super) fn retried(&self) {
        self.retries.increment(&[&self.name]);
    }
}
