//! What pods use, asked for only when the node is short of something: sizes on disk are counted file
//! by file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use styr_cri::v1;

use crate::identity::{self, CONTAINER_NAME, POD_UID};
use crate::pod;
use crate::shared::Shared;
use crate::volumes;

/// Deeper than this nothing is counted; nor is what is mounted below.
const DEPTH_MAX: usize = 64;

/// Of one pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) memory: i64,
    pub(super) disk: i64,
    pub(super) inodes: i64,
    pub(super) processes: i64,
    pub(super) containers: Vec<ContainerUsage>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ContainerUsage {
    pub(super) name: String,
    pub(super) memory: i64,
    pub(super) disk: i64,
}

impl Usage {
    pub(super) fn of(&self, resource: &str) -> i64 {
        match resource {
            "memory" => self.memory,
            "inodes" => self.inodes,
            "pids" => self.processes,
            _ => self.disk,
        }
    }
}

/// Of all pods, by uid.
pub(super) async fn of_pods(
    shared: &Arc<Shared>,
    pods: &[Arc<Pod>],
) -> Result<BTreeMap<String, Usage>, tonic::Status> {
    let mut by_pod: BTreeMap<String, Vec<v1::ContainerStats>> = BTreeMap::new();
    for stats in shared.runtime.container_stats().await? {
        let labels = stats.attributes.as_ref().map(|it| &it.labels);
        if let Some(uid) = labels.and_then(|labels| labels.get(POD_UID)).cloned() {
            by_pod.entry(uid).or_default().push(stats);
        }
    }
    let (shared, pods) = (Arc::clone(shared), pods.to_vec());
    let count = move || {
        let with_stats = pods.iter().filter_map(|pod| {
            let stats = by_pod.get(pod::uid(pod))?;
            Some((pod::uid(pod).to_owned(), of_pod(&shared, pod, stats)))
        });
        with_stats.collect()
    };
    let counted = tokio::task::spawn_blocking(count).await;
    counted.map_err(|error| tonic::Status::internal(error.to_string()))
}

fn of_pod(shared: &Shared, pod: &Pod, stats: &[v1::ContainerStats]) -> Usage {
    let config = &shared.config;
    let logs = config.pod_logs_dir.join(identity::log_directory(pod));
    let mut usage = Usage {
        processes: shared.cgroups.processes_of(pod),
        ..Usage::default()
    };
    for stats in stats {
        let number = |value: Option<&v1::UInt64Value>| {
            value.map_or(0, |value| i64::try_from(value.value).unwrap_or(i64::MAX))
        };
        let labels = stats.attributes.as_ref().map(|it| &it.labels);
        let name = labels.and_then(|labels| labels.get(CONTAINER_NAME));
        let name = name.cloned().unwrap_or_default();
        let memory = stats.memory.as_ref();
        let memory = number(memory.and_then(|memory| memory.working_set_bytes.as_ref()));
        let layer = stats.writable_layer.as_ref();
        let logs = Files::below(&logs.join(&name));
        let disk = number(layer.and_then(|layer| layer.used_bytes.as_ref())) + logs.bytes;
        usage.memory += memory;
        usage.disk += disk;
        usage.inodes += number(layer.and_then(|layer| layer.inodes_used.as_ref())) + logs.count;
        usage.containers.push(ContainerUsage { name, memory, disk });
    }
    let volumes = shared.pod_directory(pod::uid(pod)).join("volumes");
    let volumes = Files::below(&volumes);
    usage.disk += volumes.bytes;
    usage.inodes += volumes.count;
    usage
}

/// The size of one emptyDir of a pod.
pub(super) fn of_empty_dir(shared: &Shared, pod: &Pod, volume: &str) -> i64 {
    let volumes = shared.pod_directory(pod::uid(pod)).join("volumes");
    let folder = volumes.join(volumes::EMPTY_DIR).join(volume);
    Files::below(&folder).bytes
}

/// What lies below a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) bytes: i64,
    pub(super) count: i64,
}

impl Files {
    /// On the folder's own file system; what vanishes meanwhile does not count.
    pub(super) fn below(folder: &Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let mut total = Self::default();
        let Ok(root) = std::fs::symlink_metadata(folder) else {
            return total;
        };
        let mut open = vec![(folder.to_owned(), 0)];
        while let Some((folder, depth)) = open.pop() {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            for entry in entries {
                let Ok(found) = entry.metadata() else {
                    continue;
                };
                if found.dev() != root.dev() {
                    continue;
                }
                const BLOCK: u64 = 512;
                total.bytes += i64::try_from(found.blocks() * BLOCK).unwrap_or(0);
                total.count += 1;
                if found.is_dir() && depth < DEPTH_MAX {
                    open.push((entry.path(), depth + 1));
                }
            }
        }
        total
    }
}

#[cfg(test)]
mod tests;
