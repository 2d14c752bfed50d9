//! Decides what becomes of an event: written, counted onto an earlier one, or dropped.
//!
//! Upstream's numbers: an object may have 25 events at once and one more every five minutes; ten
//! events of one reason within ten minutes are merged into one with a common message.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::{EventType, Occurrence};

const BURST: f64 = 25.0;
const REFILL_SECONDS: f64 = 300.0;
const SIMILAR_MAX: usize = 10;
const SIMILAR_WITHIN: Duration = Duration::from_secs(600);
/// Upstream's size of each of these caches.
const REMEMBERED_MAX: usize = 4096;

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Drop,
    Count {
        name: String,
        count: i32,
    },
    Write {
        name: String,
        message: String,
        count: i32,
    },
}

type ObjectId = (String, String, String, String);
type GroupId = (ObjectId, EventType, String);

#[derive(Default)]
pub(crate) struct Correlator {
    budgets: Remembered<ObjectId, (f64, Timestamp)>,
    groups: Remembered<GroupId, (Vec<String>, Timestamp)>,
    written: Remembered<(GroupId, String), (String, i32)>,
}

/// A map that forgets what was put into it first.
struct Remembered<K, V> {
    map: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self {
            map: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Clone + Eq + std::hash::Hash, V> Remembered<K, V> {
    fn entry(&mut self, key: &K, initial: impl FnOnce() -> V) -> &mut V {
        if !self.map.contains_key(key) {
            if self.order.len() >= REMEMBERED_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.map.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        self.map.entry(key.clone()).or_insert_with(initial)
    }
}

impl Correlator {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn judge(&mut self, occurrence: &Occurrence) -> Verdict {
        let object = object_id(occurrence);
        if !self.spend(&object, occurrence.at) {
            return Verdict::Drop;
        }
        let group = (object, occurrence.kind, occurrence.reason.clone());
        let message = self.merged_message(&group, occurrence);
        let (name, count) = self
            .written
            .entry(&(group, message.clone()), || (event_name(occurrence), 0));
        *count = count.saturating_add(1);
        let (name, count) = (name.clone(), *count);
        if count == 1 {
            Verdict::Write {
                name,
                message,
                count,
            }
        } else {
            Verdict::Count { name, count }
        }
    }

    fn spend(&mut self, object: &ObjectId, now: Timestamp) -> bool {
        let (left, since) = self.budgets.entry(object, || (BURST, now));
        let passed = now.duration_since(*since).as_secs_f64().max(0.0);
        *left = (*left + passed / REFILL_SECONDS).min(BURST);
        *since = now;
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }

    fn merged_message(&mut self, group: &GroupId, occurrence: &Occurrence) -> String {
        let now = occurrence.at;
        let (messages, since) = self.groups.entry(group, || (Vec::new(), now));
        if now.duration_since(*since)
            > jiff::SignedDuration::try_from(SIMILAR_WITHIN).unwrap_or_default()
        {
            messages.clear();
        }
        *since = now;
        if !messages.contains(&occurrence.message) && messages.len() < SIMILAR_MAX {
            messages.push(occurrence.message.clone());
        }
        if messages.len() < SIMILAR_MAX {
            occurrence.message.clone()
        } else {
            format!(
                "(combined from similar events): {}",
                messages[SIMILAR_MAX - 1]
            )
        }
    }
}

fn object_id(occurrence: &Occurrence) -> ObjectId {
    let object = &occurrence.object;
    (
        object.namespace.clone().unwrap_or_default(),
        object.name.clone().unwrap_or_default(),
        object.uid.clone().unwrap_or_default(),
        object.field_path.clone().unwrap_or_default(),
    )
}

/// Upstream's form: the object's name and the time in hexadecimal.
fn event_name(occurrence: &Occurrence) -> String {
    let name = occurrence.object.name.as_deref().unwrap_or("unknown");
    let unique = rand::random::<u16>();
    format!("{name}.{:x}{unique:04x}", occurrence.at.as_microsecond())
}

#[cfg(test)]
mod tests;
