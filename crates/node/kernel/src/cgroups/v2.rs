//! Version 2: one hierarchy.

use std::io;
use std::path::Path;

use super::group::Folder;
use super::stats::{Pressure, PressureLine};
use super::{Limits, Stats, devices, files, shares_to_weight};

/// Controllers that groups pass on to those below, if the machine has them.
const PASSED_ON: &[&str] = &["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];
const DEFAULT_PERIOD: u64 = 100_000;

pub(super) fn make(folder: &Folder) -> io::Result<()> {
    let mut levels: Vec<_> = folder.path.ancestors().take(folder.depth).collect();
    levels.reverse();
    for level in levels {
        if let Some(parent) = level.parent() {
            pass_on(parent);
        }
        match std::fs::create_dir(level) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let text = format!("could not make the cgroup {}: {error}", level.display());
                return Err(io::Error::new(error.kind(), text));
            }
        }
    }
    Ok(())
}

/// Gives groups below `parent` the controllers. A missing one shows when a limit of it is set.
fn pass_on(parent: &Path) {
    let read = |file| files::read(parent, file).unwrap_or_default();
    let (there, passed) = (read("cgroup.controllers"), read("cgroup.subtree_control"));
    for name in PASSED_ON {
        let has = |list: &str| list.split_whitespace().any(|found| found == *name);
        if has(&there)
            && !has(&passed)
            && let Err(error) = files::write(parent, "cgroup.subtree_control", &format!("+{name}"))
        {
            tracing::debug!(%error, "controller is not passed on");
        }
    }
}

pub(super) fn set_limits(folder: &Path, limits: &Limits) -> io::Result<()> {
    let set = |file: &str, value: &str| files::write(folder, file, value);
    if let Some(shares) = limits.cpu_shares.filter(|&shares| shares > 0) {
        set("cpu.weight", &shares_to_weight(shares).to_string())?;
    }
    let quota = limits.cpu_quota.filter(|&quota| quota != 0);
    let period = limits.cpu_period.filter(|&period| period > 0);
    if quota.is_some() || period.is_some() {
        let quota = match quota {
            Some(quota) if quota > 0 => quota.to_string(),
            Some(_) => "max".to_owned(),
            None => current_quota(folder),
        };
        set(
            "cpu.max",
            &format!("{quota} {}", period.unwrap_or(DEFAULT_PERIOD)),
        )?;
    }
    if let Some(cpus) = limits.cpus.as_ref().filter(|cpus| !cpus.is_empty()) {
        set("cpuset.cpus", cpus)?;
    }
    if let Some(nodes) = limits
        .memory_nodes
        .as_ref()
        .filter(|nodes| !nodes.is_empty())
    {
        set("cpuset.mems", nodes)?;
    }
    set_memory(folder, limits)?;
    if let Some(most) = limits.processes.filter(|&most| most != 0) {
        set("pids.max", &bytes(most))?;
    }
    for pages in &limits.huge_pages {
        let file = format!("hugetlb.{}.max", pages.size);
        if folder.join(&file).exists() {
            set(&file, &pages.limit.to_string())?;
        }
    }
    for (file, value) in &limits.unified {
        if file.contains('/') {
            return Err(io::Error::other(format!(
                "{file:?} is not a file of a cgroup"
            )));
        }
        set(file, value)?;
    }
    if !limits.devices.is_empty() {
        devices::attach(folder, &limits.devices)?;
    }
    Ok(())
}

fn set_memory(folder: &Path, limits: &Limits) -> io::Result<()> {
    let memory = limits.memory.filter(|&limit| limit != 0);
    if let Some(both) = limits.memory_and_swap.filter(|&limit| limit != 0) {
        // Version 2 limits swap alone.
        let swap = match memory {
            Some(memory) if both > 0 && memory > 0 => bytes((both - memory).max(0)),
            _ => bytes(both),
        };
        if folder.join("memory.swap.max").exists() {
            files::write(folder, "memory.swap.max", &swap)?;
        }
    }
    if let Some(memory) = memory {
        files::write(folder, "memory.max", &bytes(memory))?;
    }
    Ok(())
}

fn bytes(limit: i64) -> String {
    if limit < 0 {
        "max".to_owned()
    } else {
        limit.to_string()
    }
}

fn current_quota(folder: &Path) -> String {
    let text = files::read(folder, "cpu.max").unwrap_or_default();
    text.split(' ')
        .next()
        .filter(|quota| !quota.is_empty())
        .unwrap_or("max")
        .to_owned()
}

pub(super) fn stats(folder: &Path) -> io::Result<Stats> {
    let cpu = files::read(folder, "cpu.stat")?;
    let microseconds = |key| files::keyed(&cpu, key).unwrap_or(0) * 1_000;
    let memory = files::read(folder, "memory.stat").unwrap_or_default();
    let value = |key| files::keyed(&memory, key).unwrap_or(0);
    let used = files::number(folder, "memory.current").unwrap_or(0);
    let limit = |file| files::number(folder, file).filter(|&limit| limit != u64::MAX);
    let memory_limit = limit("memory.max");
    let swap_limit = limit("memory.swap.max");
    Ok(Stats {
        cpu_nanoseconds: microseconds("usage_usec"),
        cpu_user_nanoseconds: microseconds("user_usec"),
        cpu_system_nanoseconds: microseconds("system_usec"),
        cpu_periods: files::keyed(&cpu, "nr_periods").unwrap_or(0),
        cpu_throttled_periods: files::keyed(&cpu, "nr_throttled").unwrap_or(0),
        cpu_throttled_nanoseconds: microseconds("throttled_usec"),
        memory: used,
        memory_working_set: used.saturating_sub(value("inactive_file")),
        memory_anonymous: value("anon"),
        memory_cache: value("file"),
        page_faults: value("pgfault"),
        major_page_faults: value("pgmajfault"),
        memory_limit,
        swap: files::number(folder, "memory.swap.current"),
        memory_and_swap_limit: memory_limit
            .zip(swap_limit)
            .map(|(memory, swap)| memory + swap),
        processes: files::number(folder, "pids.current").unwrap_or(0),
        cpu_pressure: pressure(folder, "cpu.pressure"),
        memory_pressure: pressure(folder, "memory.pressure"),
        io_pressure: pressure(folder, "io.pressure"),
    })
}

fn pressure(folder: &Path, file: &str) -> Option<Pressure> {
    let text = files::read(folder, file).ok()?;
    let line = |kind: &str| {
        let mut found = PressureLine::default();
        let line = text.lines().find(|line| line.starts_with(kind))?;
        for field in line.split_whitespace().skip(1) {
            let (key, value) = field.split_once('=')?;
            match key {
                "avg10" => found.average_10 = value.parse().ok()?,
                "avg60" => found.average_60 = value.parse().ok()?,
                "avg300" => found.average_300 = value.parse().ok()?,
                "total" => found.total_microseconds = value.parse().ok()?,
                _ => {}
            }
        }
        Some(found)
    };
    Some(Pressure {
        some: line("some")?,
        full: line("full").unwrap_or_default(),
    })
}
