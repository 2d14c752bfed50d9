//! What pods and containers use.

use std::path::Path;

use styr_cri::v1;
use styr_kernel::cgroups::{Pressure, PressureLine, Stats};

use super::{Container, Pod, Runtime};

fn value(value: u64) -> Option<v1::UInt64Value> {
    Some(v1::UInt64Value { value })
}

fn pressure(found: Option<Pressure>) -> Option<v1::PsiStats> {
    let line = |line: PressureLine| v1::PsiData {
        total: line.total_microseconds,
        avg10: line.average_10,
        avg60: line.average_60,
        avg300: line.average_300,
    };
    found.map(|found| v1::PsiStats {
        full: Some(line(found.full)),
        some: Some(line(found.some)),
    })
}

fn cpu(stats: &Stats, timestamp: i64) -> v1::CpuUsage {
    v1::CpuUsage {
        timestamp,
        usage_core_nano_seconds: value(stats.cpu_nanoseconds),
        usage_nano_cores: None,
        psi: pressure(stats.cpu_pressure),
    }
}

fn memory(stats: &Stats, timestamp: i64) -> v1::MemoryUsage {
    let available = stats
        .memory_limit
        .map(|limit| limit.saturating_sub(stats.memory_working_set));
    v1::MemoryUsage {
        timestamp,
        working_set_bytes: value(stats.memory_working_set),
        available_bytes: available.and_then(value),
        usage_bytes: value(stats.memory),
        rss_bytes: value(stats.memory_anonymous),
        page_faults: value(stats.page_faults),
        major_page_faults: value(stats.major_page_faults),
        psi: pressure(stats.memory_pressure),
    }
}

impl Runtime {
    /// Of one container. What does not run uses nothing but disk.
    pub(crate) fn container_stats(&self, container: &Container) -> v1::ContainerStats {
        let timestamp = self.now();
        let group = self.cgroups.open(&container.meta.cgroup).ok();
        let stats = group
            .filter(|_| container.is_running())
            .and_then(|group| group.stats().ok());
        let (bytes, files) = usage(&container.folder.join("upper"));
        v1::ContainerStats {
            attributes: Some(v1::ContainerAttributes {
                id: container.id.clone(),
                metadata: container.config.metadata.clone(),
                labels: container.config.labels.clone(),
                annotations: container.config.annotations.clone(),
            }),
            cpu: stats.as_ref().map(|stats| cpu(stats, timestamp)),
            memory: stats.as_ref().map(|stats| memory(stats, timestamp)),
            writable_layer: Some(v1::FilesystemUsage {
                timestamp,
                fs_id: Some(v1::FilesystemIdentifier {
                    mountpoint: self.config.root.to_string_lossy().into_owned(),
                }),
                used_bytes: value(bytes),
                inodes_used: value(files),
            }),
            swap: stats.as_ref().map(|stats| v1::SwapUsage {
                timestamp,
                swap_available_bytes: None,
                swap_usage_bytes: value(stats.swap.unwrap_or(0)),
            }),
            io: stats
                .as_ref()
                .and_then(|stats| pressure(stats.io_pressure))
                .map(|psi| v1::IoUsage {
                    timestamp,
                    psi: Some(psi),
                }),
        }
    }

    /// Of a whole pod.
    pub(crate) fn pod_stats(&self, pod: &Pod) -> v1::PodSandboxStats {
        let timestamp = self.now();
        let cgroup = pod.meta().cgroup.clone();
        let parent = cgroup.rsplit_once('/').map_or("", |(parent, _)| parent);
        let stats = self
            .cgroups
            .open(parent)
            .and_then(|group| group.stats())
            .ok();
        let containers = self.containers_of(&pod.id);
        let running = containers.iter().filter(|container| container.is_running());
        let network = running.clone().find_map(|container| container.pid());
        v1::PodSandboxStats {
            attributes: Some(v1::PodSandboxAttributes {
                id: pod.id.clone(),
                metadata: pod.config.metadata.clone(),
                labels: pod.config.labels.clone(),
                annotations: pod.config.annotations.clone(),
            }),
            linux: Some(v1::LinuxPodSandboxStats {
                cpu: stats.as_ref().map(|stats| cpu(stats, timestamp)),
                memory: stats.as_ref().map(|stats| memory(stats, timestamp)),
                network: network.and_then(|pid| interfaces(pid, timestamp)),
                process: stats.as_ref().map(|stats| v1::ProcessUsage {
                    timestamp,
                    process_count: value(stats.processes),
                }),
                containers: running
                    .map(|container| self.container_stats(container))
                    .collect(),
                io: None,
            }),
            windows: None,
        }
    }
}

/// Traffic of the network that a process is in.
fn interfaces(pid: i32, timestamp: i64) -> Option<v1::NetworkUsage> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
    let parse = |line: &str| {
        let (name, counters) = line.split_once(':')?;
        let counters: Vec<u64> = counters
            .split_whitespace()
            .filter_map(|counter| counter.parse().ok())
            .collect();
        Some(v1::NetworkInterfaceUsage {
            name: name.trim().to_owned(),
            rx_bytes: value(*counters.first()?),
            rx_errors: value(*counters.get(2)?),
            tx_bytes: value(*counters.get(8)?),
            tx_errors: value(*counters.get(10)?),
        })
    };
    let mut found: Vec<_> = text.lines().skip(2).filter_map(parse).collect();
    found.retain(|interface| interface.name != "lo");
    let default = found.iter().position(|interface| interface.name == "eth0");
    let default_interface = default.map(|index| found.remove(index));
    Some(v1::NetworkUsage {
        timestamp,
        default_interface,
        interfaces: found,
    })
}

/// Bytes and files below a folder.
pub(crate) fn usage(folder: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let mut total = (0, 0);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return total;
    };
    for entry in entries.flatten() {
        let Ok(found) = entry.metadata() else {
            continue;
        };
        total.0 += found.blocks() * 512;
        total.1 += 1;
        if found.is_dir() {
            let (bytes, files) = usage(&entry.path());
            total = (total.0 + bytes, total.1 + files);
        }
    }
    total
}
