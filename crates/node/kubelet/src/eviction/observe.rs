//! How much the node has left, as the kernel says. What cannot be read is left out.

use std::path::Path;

use super::signal::{Observations, Observed, Signal};
use crate::machine::memory_field;
use crate::shared::Shared;

/// Everything at once; cheap enough for a timer: a few small files and two system calls.
pub(super) fn observe(shared: &Shared, images: Option<&Path>) -> Observations {
    let mut out = Observations::new();
    out.insert(
        Signal::Memory,
        Observed {
            available: memory_field("MemAvailable:"),
            capacity: shared.machine.memory,
        },
    );
    if let Some((limit, used)) = shared.cgroups.pods_memory() {
        let observed = Observed {
            available: limit - used,
            capacity: limit,
        };
        out.insert(Signal::PodsMemory, observed);
    }
    let node = (Signal::NodeDisk, Signal::NodeInodes);
    disk(&mut out, &shared.config.root_dir, node);
    if let Some(images) = images {
        disk(&mut out, images, (Signal::ImageDisk, Signal::ImageInodes));
    }
    if let Some(observed) = processes() {
        out.insert(Signal::Processes, observed);
    }
    out
}

fn disk(out: &mut Observations, path: &Path, (bytes, inodes): (Signal, Signal)) {
    let Ok((capacity, available, files, free)) = styr_kernel::mounts::capacity(path) else {
        return;
    };
    let observed = |available: u64, capacity: u64| Observed {
        available: i64::try_from(available).unwrap_or(i64::MAX),
        capacity: i64::try_from(capacity).unwrap_or(i64::MAX),
    };
    out.insert(bytes, observed(available, capacity));
    // Some file systems make inodes as they go, and count none.
    if files > 0 {
        out.insert(inodes, observed(free, files));
    }
}

/// The last field but one of `/proc/loadavg` is `running/all`.
fn processes() -> Option<Observed> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let number = |path: &str| read(path)?.trim().parse::<i64>().ok();
    let capacity = number("/proc/sys/kernel/pid_max")?.min(number("/proc/sys/kernel/threads-max")?);
    let load = read("/proc/loadavg")?;
    let all = load.split_whitespace().nth(3)?.split_once('/')?.1;
    Some(Observed {
        available: capacity - all.parse::<i64>().ok()?,
        capacity,
    })
}
