//! Upstream's metrics of scheduling.

use std::time::Duration;

use styr_component::metrics::{Counter, Gauge, Histogram, Registry};

use crate::queue::Counts;

const SECONDS: &[f64] = &[
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096,
];

pub(super) struct Metrics {
    attempts: Counter,
    durations: Histogram,
    pending: Gauge,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            attempts: registry.counter(
                "scheduler_schedule_attempts_total",
                "Number of attempts to schedule pods, by the result.",
                &["result"],
            ),
            durations: registry.histogram(
                "scheduler_scheduling_algorithm_duration_seconds",
                "Scheduling algorithm latency in seconds",
                &[],
                SECONDS,
            ),
            pending: registry.gauge(
                "scheduler_pending_pods",
                "Number of pending pods, by the queue type.",
                &["queue"],
            ),
        }
    }

    pub(super) fn attempted(&self, result: &str, took: Duration) {
        self.attempts.add(&[result], 1.0);
        self.durations.observe(&[], took.as_secs_f64());
    }

    pub(super) fn pending(&self, counts: Counts) {
        let all = [
            ("active", counts.active),
            ("backoff", counts.backoff),
            ("unschedulable", counts.unschedulable),
            ("gated", counts.gated),
        ];
        for (queue, count) in all {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.pending.set(&[queue], f64::from(count));
        }
    }
}
