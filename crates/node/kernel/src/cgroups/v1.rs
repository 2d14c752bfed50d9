//! Version 1: a hierarchy for each controller.

use std::io;
use std::path::Path;

use super::group::{Cgroup, Folder, missing};
use super::{Limits, Stats, files};

/// Controllers that are looked for.
pub(super) const CONTROLLERS: &[&str] = &[
    "blkio",
    "cpu",
    "cpuacct",
    "cpuset",
    "devices",
    "freezer",
    "hugetlb",
    "memory",
    "net_cls",
    "net_prio",
    "perf_event",
    "pids",
    "rdma",
];

/// Values above this mean that there is no limit.
const NO_LIMIT: u64 = 1 << 62;
const USER_HZ: u64 = 100;
/// Others may remove a group above while one below it is made.
const MAKE_ROUNDS: usize = 4;

pub(super) fn make(folder: &Folder) -> io::Result<()> {
    let has = |wanted: &str| folder.controllers.iter().any(|name| name == wanted);
    make_level(&folder.path, folder.depth)?;
    if has("cpuset") {
        inherit_cpuset(&folder.path, folder.depth)?;
    }
    Ok(())
}

/// The groups above it are there but for the first time, so the lowest is tried first.
fn make_level(level: &Path, depth: usize) -> io::Result<()> {
    let failed = |error: io::Error| {
        let text = format!("could not make the cgroup {}: {error}", level.display());
        io::Error::new(error.kind(), text)
    };
    for _ in 0..MAKE_ROUNDS {
        match std::fs::create_dir(level) {
            Ok(()) => {
                // Old kernels count only what is in the group itself by default. New ones ignore
                // this, and other hierarchies have no such file.
                let _ = files::write(level, "memory.use_hierarchy", "1");
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && depth > 1 => {
                make_level(level.parent().unwrap_or(level), depth - 1)?;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(io::Error::other(
        "the groups above it go as fast as they are made",
    )))
}

/// A new group has no processors at all, and takes no process before it has.
fn inherit_cpuset(level: &Path, depth: usize) -> io::Result<()> {
    let Some(above) = level.parent().filter(|_| depth > 0) else {
        return Ok(());
    };
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if files::read(level, file)?.is_empty() {
            // Whoever made the group above may not have come to this yet.
            inherit_cpuset(above, depth - 1)?;
            files::write(level, file, &files::read(above, file)?)?;
        }
    }
    Ok(())
}

pub(super) fn set_limits(group: &Cgroup, limits: &Limits) -> io::Result<()> {
    let set = |controller: &str, file: &str, value: String| {
        let folder = group
            .folder(controller)
            .ok_or_else(|| missing(controller))?;
        files::write(folder, file, &value)
    };
    if let Some(shares) = limits.cpu_shares.filter(|&shares| shares > 0) {
        set("cpu", "cpu.shares", shares.to_string())?;
    }
    if let Some(period) = limits.cpu_period.filter(|&period| period > 0) {
        set("cpu", "cpu.cfs_period_us", period.to_string())?;
    }
    if let Some(quota) = limits.cpu_quota.filter(|&quota| quota != 0) {
        set("cpu", "cpu.cfs_quota_us", quota.to_string())?;
    }
    if let Some(cpus) = limits.cpus.as_ref().filter(|cpus| !cpus.is_empty()) {
        set("cpuset", "cpuset.cpus", cpus.clone())?;
    }
    if let Some(nodes) = limits
        .memory_nodes
        .as_ref()
        .filter(|nodes| !nodes.is_empty())
    {
        set("cpuset", "cpuset.mems", nodes.clone())?;
    }
    set_memory(group, limits)?;
    if let Some(most) = limits.processes.filter(|&most| most != 0) {
        let value = if most < 0 {
            "max".to_owned()
        } else {
            most.to_string()
        };
        set("pids", "pids.max", value)?;
    }
    for pages in &limits.huge_pages {
        // A machine without the controller or the size has no such pages to give.
        if let Some(folder) = group.folder("hugetlb") {
            let file = format!("hugetlb.{}.limit_in_bytes", pages.size);
            if folder.join(&file).exists() {
                files::write(folder, &file, &pages.limit.to_string())?;
            }
        }
    }
    if !limits.devices.is_empty() {
        let folder = group.folder("devices").ok_or_else(|| missing("devices"))?;
        for rule in &limits.devices {
            let file = if rule.allow {
                "devices.allow"
            } else {
                "devices.deny"
            };
            files::write(folder, file, &rule.text())?;
        }
    }
    Ok(())
}

/// The limit of memory and swap may never lie below that of memory, so the order depends on
/// whether they grow.
fn set_memory(group: &Cgroup, limits: &Limits) -> io::Result<()> {
    const MEMORY: &str = "memory.limit_in_bytes";
    const BOTH: &str = "memory.memsw.limit_in_bytes";
    let memory = limits.memory.filter(|&limit| limit != 0);
    let mut both = limits.memory_and_swap.filter(|&limit| limit != 0);
    if memory.is_none() && both.is_none() {
        return Ok(());
    }
    let folder = group.folder("memory").ok_or_else(|| missing("memory"))?;
    if !folder.join(BOTH).exists() {
        both = None; // the kernel does not account for swap
    }
    if memory == Some(-1) && both.is_none() && folder.join(BOTH).exists() {
        both = Some(-1);
    }
    let current = files::number(folder, MEMORY).unwrap_or(u64::MAX);
    let grows = memory.is_some_and(|limit| limit < 0 || limit.cast_unsigned() > current);
    let mut order = [(BOTH, both), (MEMORY, memory)];
    if !grows {
        order.reverse();
    }
    for (file, value) in order {
        if let Some(value) = value {
            files::write(folder, file, &value.to_string())?;
        }
    }
    Ok(())
}

pub(super) fn stats(group: &Cgroup) -> io::Result<Stats> {
    let mut stats = Stats::default();
    if let Some(folder) = group.folder("cpuacct") {
        stats.cpu_nanoseconds = files::number(folder, "cpuacct.usage").unwrap_or(0);
        let text = files::read(folder, "cpuacct.stat").unwrap_or_default();
        let nanoseconds = |key| files::keyed(&text, key).unwrap_or(0) * (1_000_000_000 / USER_HZ);
        stats.cpu_user_nanoseconds = nanoseconds("user");
        stats.cpu_system_nanoseconds = nanoseconds("system");
    }
    if let Some(folder) = group.folder("cpu") {
        let text = files::read(folder, "cpu.stat").unwrap_or_default();
        stats.cpu_periods = files::keyed(&text, "nr_periods").unwrap_or(0);
        stats.cpu_throttled_periods = files::keyed(&text, "nr_throttled").unwrap_or(0);
        stats.cpu_throttled_nanoseconds = files::keyed(&text, "throttled_time").unwrap_or(0);
    }
    if let Some(folder) = group.folder("memory") {
        let text = files::read(folder, "memory.stat")?;
        let value = |key| files::keyed(&text, key).unwrap_or(0);
        stats.memory = files::number(folder, "memory.usage_in_bytes").unwrap_or(0);
        stats.memory_working_set = stats.memory.saturating_sub(value("total_inactive_file"));
        stats.memory_anonymous = value("total_rss");
        stats.memory_cache = value("total_cache");
        stats.page_faults = value("total_pgfault");
        stats.major_page_faults = value("total_pgmajfault");
        let limit = files::number(folder, "memory.limit_in_bytes");
        stats.memory_limit = limit.filter(|&limit| limit < NO_LIMIT);
        let both = files::number(folder, "memory.memsw.usage_in_bytes");
        stats.swap = both.map(|both| both.saturating_sub(stats.memory));
        let limit = files::number(folder, "memory.memsw.limit_in_bytes");
        stats.memory_and_swap_limit = limit.filter(|&limit| limit < NO_LIMIT);
    }
    if let Some(folder) = group.folder("pids") {
        stats.processes = files::number(folder, "pids.current").unwrap_or(0);
    }
    Ok(stats)
}
