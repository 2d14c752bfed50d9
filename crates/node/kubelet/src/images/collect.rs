//! Which images may go, and in which order: those that were not used for the longest time. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use styr_cri::v1;

#[cfg(test)]
mod tests;

/// When images are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// From this use of the disk on; 100 is never.
    pub(crate) high_percent: i64,
    /// Down to this one.
    pub(crate) low_percent: i64,
    /// Younger ones stay: they may just have been fetched for a container to come.
    pub(crate) age_min: Duration,
    /// Older ones go even from an empty disk; nothing is never.
    pub(crate) age_max: Duration,
}

impl Policy {
    /// Whether anything is ever collected but for lack of space.
    pub(crate) fn is_active(&self) -> bool {
        self.high_percent < 100 || !self.age_max.is_zero()
    }

    /// How much has to go from a disk; `None` while it is not too full.
    pub(crate) fn excess(&self, capacity: i64, available: i64) -> Option<i64> {
        let available = available.min(capacity);
        let used_percent = 100 - percent(available, capacity);
        let low = i128::from(capacity) * i128::from(100 - self.low_percent) / 100;
        let low = i64::try_from(low).unwrap_or(i64::MAX);
        (self.high_percent < 100 && used_percent >= self.high_percent).then(|| low - available)
    }
}

/// Rounded down; of nothing it is nothing.
pub(crate) fn percent(part: i64, whole: i64) -> i64 {
    let share = i128::from(part) * 100 / i128::from(whole.max(1));
    i64::try_from(share).unwrap_or(0)
}

/// Since when images are known, and when they were last seen in use.
#[derive(Debug, Default)]
pub(crate) struct Known {
    records: BTreeMap<String, Record>,
}

#[derive(Debug, Clone)]
struct Record {
    first_seen: Duration,
    last_used: Option<Duration>,
    size: i64,
    is_pinned: bool,
}

/// An image that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unused {
    pub(crate) id: String,
    pub(crate) size: i64,
    /// How long it has been known, and how long it has not been used.
    pub(crate) age: Duration,
    pub(crate) idle: Duration,
}

impl Known {
    /// Notes what there is, by the monotonic clock; answers those that nobody uses, the first to go first.
    pub(crate) fn look(
        &mut self,
        now: Duration,
        images: &[v1::Image],
        used: &BTreeSet<String>,
    ) -> Vec<Unused> {
        let present: BTreeSet<&str> = images.iter().map(|image| image.id.as_str()).collect();
        self.records.retain(|id, _| present.contains(id.as_str()));
        for image in images {
            let record = self.records.entry(image.id.clone()).or_insert(Record {
                first_seen: now,
                last_used: None,
                size: 0,
                is_pinned: false,
            });
            record.size = i64::try_from(image.size).unwrap_or(i64::MAX);
            record.is_pinned = image.pinned;
            if used.contains(&image.id) {
                record.last_used = Some(now);
            }
        }
        let idle = self.records.iter();
        let idle = idle.filter(|(id, record)| !record.is_pinned && !used.contains(*id));
        let mut idle: Vec<(&String, &Record)> = idle.collect();
        idle.sort_by_key(|(_, record)| (record.last_used, record.first_seen));
        let unused = idle.into_iter().map(|(id, record)| Unused {
            id: id.clone(),
            size: record.size,
            age: now.saturating_sub(record.first_seen),
            idle: now.saturating_sub(record.last_used.unwrap_or(record.first_seen)),
        });
        unused.collect()
    }
}

/// The ids of images in use by containers, dead ones as well, as upstream counts them.
pub(crate) fn in_use(containers: &[v1::Container]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for container in containers {
        let spec = container.image.as_ref().map(|spec| spec.image.clone());
        used.extend([container.image_id.clone(), container.image_ref.clone()]);
        used.extend(spec);
    }
    used
}

/// Sizes in messages: `3.5 GiB`.
pub(crate) fn described(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let mut size = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    format!("{size:.1} {unit}")
}
