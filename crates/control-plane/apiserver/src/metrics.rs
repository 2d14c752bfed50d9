//! What the server counts, under upstream's names.

use std::time::Duration;

use http::StatusCode;
use styr_component::metrics::{Counter, Histogram, Registry};

/// Upstream's bounds of request latencies, in seconds.
const LATENCY: &[f64] = &[
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
];

/// All metrics of the server.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub registry: Registry,
    requests: Counter,
    latency: Histogram,
}

impl Metrics {
    pub fn new() -> Self {
        let registry = Registry::new();
        let requests = registry.counter(
            "apiserver_request_total",
            "Requests by verb, resource and code.",
            &["code", "resource", "verb"],
        );
        let latency = registry.histogram(
            "apiserver_request_duration_seconds",
            "Time to the first byte of an answer.",
            &["resource", "verb"],
            LATENCY,
        );
        Self {
            registry,
            requests,
            latency,
        }
    }

    /// Counts an answered request.
    pub fn request(&self, (verb, resource): (&str, &str), code: StatusCode, took: Duration) {
        let verb = verb.to_ascii_uppercase();
        let known = if resource.is_empty() || is_known(resource) {
            resource
        } else {
            "other"
        };
        self.requests.increment(&[code.as_str(), known, &verb]);
        if verb != "WATCH" {
            self.latency.observe(&[known, &verb], took.as_secs_f64());
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Whatever clients make up must not become a label.
fn is_known(resource: &str) -> bool {
    styr_api::table().iter().any(|kind| kind.plural == resource)
}
