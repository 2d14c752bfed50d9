//! `GET /stats/summary`: what node, pods and containers use, as the runtime and the kernel say.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use styr_cri::v1;

use super::Service;
use super::answer::{self, Answer};
use crate::identity::{CONTAINER_NAME, POD_NAME, POD_NAMESPACE, POD_UID};
use crate::machine::memory_field;

pub(super) async fn summary(service: &Service) -> Answer {
    let containers = match service.shared.runtime.container_stats().await {
        Ok(containers) => containers,
        Err(status) => {
            return answer::error(StatusCode::INTERNAL_SERVER_ERROR, status.message());
        }
    };
    // A runtime may not know figures of whole pods; their sums are told then.
    let sandboxes = service
        .shared
        .runtime
        .sandbox_stats()
        .await
        .unwrap_or_default();
    let mut pods: BTreeMap<String, Value> = BTreeMap::new();
    for stats in &containers {
        // Those that have ended use nothing.
        let Some(attributes) = stats.attributes.as_ref().filter(|_| stats.cpu.is_some()) else {
            continue;
        };
        let label = |key: &str| attributes.labels.get(key).cloned().unwrap_or_default();
        let reference = json!({
            "name": label(POD_NAME), "namespace": label(POD_NAMESPACE), "uid": label(POD_UID),
        });
        let pod = pods
            .entry(label(POD_UID))
            .or_insert_with(|| json!({ "podRef": reference, "containers": [] }));
        let one = json!({
            "name": label(CONTAINER_NAME), "cpu": cpu(stats.cpu.as_ref()),
            "memory": memory(stats.memory.as_ref()),
        });
        if let Some(list) = pod["containers"].as_array_mut() {
            list.push(one);
        }
    }
    for stats in &sandboxes {
        let Some(attributes) = &stats.attributes else {
            continue;
        };
        let uid = attributes.labels.get(POD_UID).cloned().unwrap_or_default();
        let (Some(pod), Some(linux)) = (pods.get_mut(&uid), &stats.linux) else {
            continue;
        };
        pod["cpu"] = cpu(linux.cpu.as_ref());
        pod["memory"] = memory(linux.memory.as_ref());
        if let Some(network) = &linux.network {
            pod["network"] = network_of(network);
        }
    }
    for (uid, pod) in &mut pods {
        let started = service
            .table
            .status(uid)
            .and_then(|status| status.start_time);
        pod["startTime"] = json!(started);
    }
    let pods: Vec<Value> = pods.into_values().collect();
    answer::json(&json!({ "node": node(service), "pods": pods }))
}

fn time(nanoseconds: i64) -> Value {
    json!(
        Timestamp::from_nanosecond(i128::from(nanoseconds))
            .ok()
            .map(|time| time.to_string())
    )
}

fn number(value: Option<&v1::UInt64Value>) -> Value {
    json!(value.map(|value| value.value))
}

fn cpu(usage: Option<&v1::CpuUsage>) -> Value {
    let Some(usage) = usage else {
        return Value::Null;
    };
    json!({
        "time": time(usage.timestamp), "usageNanoCores": number(usage.usage_nano_cores.as_ref()),
        "usageCoreNanoSeconds": number(usage.usage_core_nano_seconds.as_ref()),
    })
}

fn memory(usage: Option<&v1::MemoryUsage>) -> Value {
    let Some(usage) = usage else {
        return Value::Null;
    };
    json!({
        "time": time(usage.timestamp), "usageBytes": number(usage.usage_bytes.as_ref()),
        "workingSetBytes": number(usage.working_set_bytes.as_ref()),
        "rssBytes": number(usage.rss_bytes.as_ref()),
        "pageFaults": number(usage.page_faults.as_ref()),
        "majorPageFaults": number(usage.major_page_faults.as_ref()),
    })
}

fn network_of(usage: &v1::NetworkUsage) -> Value {
    let Some(interface) = &usage.default_interface else {
        return Value::Null;
    };
    json!({
        "time": time(usage.timestamp), "name": interface.name,
        "rxBytes": number(interface.rx_bytes.as_ref()), "txBytes": number(interface.tx_bytes.as_ref()),
        "rxErrors": number(interface.rx_errors.as_ref()), "txErrors": number(interface.tx_errors.as_ref()),
    })
}

/// Nanoseconds that all processors were busy since the start.
pub(super) fn busy_nanoseconds() -> u64 {
    const TICK_NANOSECONDS: u64 = 10_000_000;
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks = line
        .split_whitespace()
        .skip(1)
        .map(|word| word.parse::<u64>().unwrap_or(0));
    let ticks: Vec<u64> = ticks.collect();
    // The fourth and fifth are idle time and waiting.
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    (ticks.iter().take(8).sum::<u64>() - idle) * TICK_NANOSECONDS
}

/// Memory in use that cannot be had back.
pub(super) fn working_set() -> i64 {
    memory_field("MemTotal:") - memory_field("MemAvailable:")
}

fn node(service: &Service) -> Value {
    let shared = &service.shared;
    let now = shared.clock.now().to_string();
    let available = memory_field("MemAvailable:");
    let mut node = json!({
        "nodeName": shared.config.node_name,
        "cpu": { "time": now, "usageCoreNanoSeconds": busy_nanoseconds() },
        "memory": {
            "time": now, "availableBytes": available, "workingSetBytes": working_set(),
            "usageBytes": shared.machine.memory - memory_field("MemFree:"),
        },
    });
    if let Ok(stat) = rustix::fs::statvfs(&shared.config.root_dir) {
        node["fs"] = json!({
            "time": now, "availableBytes": stat.f_bavail * stat.f_frsize,
            "capacityBytes": stat.f_blocks * stat.f_frsize,
            "usedBytes": (stat.f_blocks - stat.f_bfree) * stat.f_frsize,
            "inodes": stat.f_files, "inodesFree": stat.f_ffree,
            "inodesUsed": stat.f_files - stat.f_ffree,
        });
    }
    node
}
