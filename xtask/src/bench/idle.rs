//! What a cluster takes while nothing happens: memory and processor time of all its processes.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::report::Row;

/// A new cluster has things to finish.
const SETTLE: Duration = Duration::from_secs(20);
/// The kernel counts processor time in these.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one process takes.
struct Usage {
    /// Its share of memory, in KiB.
    pss: u64,
    /// Processor time so far, in ticks.
    ticks: u64,
}

/// Looks at the processes of a cluster twice.
#[expect(clippy::disallowed_methods, reason = "idling takes time")]
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
pub(super) fn measure(cluster: &str, seconds: u64) -> Result<Vec<Row>> {
    println!("==> idling for {seconds} s");
    thread::sleep(SETTLE);
    let before = processes(cluster)?;
    thread::sleep(Duration::from_secs(seconds));
    let after = processes(cluster)?;
    if after.is_empty() {
        bail!("no process of the cluster {cluster} is found in /proc");
    }
    let memory: u64 = after.values().map(|usage| usage.pss).sum();
    let used = after.iter().map(|(id, usage)| {
        let earlier = before.get(id).map_or(0, |usage| usage.ticks);
        usage.ticks.saturating_sub(earlier)
    });
    let ticks: u64 = used.sum();
    let share = ticks as f64 / TICKS_PER_SECOND / seconds as f64 * 100.0;
    Ok(vec![
        Row::ours(
            "whole cluster idle, memory (PSS)",
            memory as f64 / 1024.0,
            "MiB",
        ),
        Row::ours("whole cluster idle, processor", share, "% of a core"),
        Row::ours("its processes, pods' own included", after.len() as f64, ""),
    ])
}

/// The processes in the cluster's control groups, by number.
fn processes(cluster: &str) -> Result<BTreeMap<u32, Usage>> {
    let mark = format!("/styr-{cluster}-");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("could not list /proc")? {
        let name = entry.context("could not list /proc")?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let read = |file: &str| fs::read_to_string(format!("/proc/{id}/{file}"));
        let is_ours = read("cgroup").is_ok_and(|text| text.contains(&mark));
        // Processes may end while they are looked at.
        if let (true, Ok(memory), Ok(stat)) = (is_ours, read("smaps_rollup"), read("stat")) {
            let usage = Usage {
                pss: pss(&memory),
                ticks: ticks(&stat),
            };
            found.insert(id, usage);
        }
    }
    Ok(found)
}

fn pss(rollup: &str) -> u64 {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

/// User and system time: the 14th and 15th field, counted after the name, which may hold blanks.
fn ticks(stat: &str) -> u64 {
    let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    let fields = after.split_whitespace().skip(11).take(2);
    fields.filter_map(|text| text.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::{pss, ticks};

    #[test]
    fn a_name_with_blanks_does_not_shift_the_times() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 9 0 0 0 30 12 0 0 20 0 3 0 5 6 7";
        assert_eq!(ticks(stat), 42);
    }

    #[test]
    fn memory_is_the_share_of_all_mappings() {
        assert_eq!(
            pss("00400000-7ffe rollup\nRss: 9 kB\nPss:   1234 kB\nPss_Anon: 1 kB\n"),
            1234
        );
    }
}
