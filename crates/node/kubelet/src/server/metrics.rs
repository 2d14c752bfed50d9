//! `GET /metrics/resource`: what is used, for the metrics server.

use std::fmt::Write as _;

use http::StatusCode;
use styr_cri::v1;

use super::Service;
use super::answer::{self, Answer};
use super::stats::{busy_nanoseconds, working_set};
use crate::identity::{CONTAINER_NAME, POD_NAME, POD_NAMESPACE};

const NANOSECONDS: f64 = 1e9;

pub(super) async fn resource(service: &Service) -> Answer {
    let containers = match service.shared.runtime.container_stats().await {
        Ok(containers) => containers,
        Err(status) => {
            return answer::error(StatusCode::INTERNAL_SERVER_ERROR, status.message());
        }
    };
    let mut cpu = String::new();
    let mut memory = String::new();
    for stats in &containers {
        one(stats, &mut cpu, &mut memory);
    }
    let busy = seconds(busy_nanoseconds());
    let text = format!(
        "# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds\n\
         # TYPE container_cpu_usage_seconds_total counter\n{cpu}\
         # HELP container_memory_working_set_bytes [STABLE] Current working set of the container in bytes\n\
         # TYPE container_memory_working_set_bytes gauge\n{memory}\
         # HELP node_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the node in core-seconds\n\
         # TYPE node_cpu_usage_seconds_total counter\nnode_cpu_usage_seconds_total {busy}\n\
         # HELP node_memory_working_set_bytes [STABLE] Current working set of the node in bytes\n\
         # TYPE node_memory_working_set_bytes gauge\nnode_memory_working_set_bytes {}\n\
         # HELP resource_scrape_error [STABLE] 1 if there was an error while getting container metrics, 0 otherwise\n\
         # TYPE resource_scrape_error gauge\nresource_scrape_error 0\n",
        working_set()
    );
    answer::with_type(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        answer::body(text),
    )
}

fn one(stats: &v1::ContainerStats, cpu: &mut String, memory: &mut String) {
    let Some(attributes) = &stats.attributes else {
        return;
    };
    let label = |key: &str| attributes.labels.get(key).cloned().unwrap_or_default();
    let labels = format!(
        "{{container={:?},namespace={:?},pod={:?}}}",
        label(CONTAINER_NAME),
        label(POD_NAMESPACE),
        label(POD_NAME)
    );
    let used = stats
        .cpu
        .as_ref()
        .and_then(|cpu| cpu.usage_core_nano_seconds.as_ref());
    if let Some(used) = used {
        let seconds = seconds(used.value);
        writeln!(cpu, "container_cpu_usage_seconds_total{labels} {seconds}")
            .expect("writing to a string cannot fail");
    }
    let used = stats
        .memory
        .as_ref()
        .and_then(|memory| memory.working_set_bytes.as_ref());
    if let Some(used) = used {
        writeln!(
            memory,
            "container_memory_working_set_bytes{labels} {}",
            used.value
        )
        .expect("writing to a string cannot fail");
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an approximation is what is asked for"
)]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / NANOSECONDS
}
