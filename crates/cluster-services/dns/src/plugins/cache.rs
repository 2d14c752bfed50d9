//! `cache [TTL] [ZONES...]`: keeps answers for as long as they hold, and no longer than TTL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use styr_base::SharedClock;
use styr_component::metrics::Counter;

use super::{Block, Settings, zones};
use crate::chain::{Next, Outcome, Plugin, Request};
use crate::corefile::{CorefileError, Directive};
use crate::wire::{Message, Name, Record, kind, rcode};

/// Upstream's numbers.
const CAPACITY: usize = 9_984;
const SUCCESS_TTL_MAX: u32 = 3_600;
const DENIAL_TTL_MAX: u32 = 1_800;
const TTL_MIN: u32 = 5;
const FAILURE_TTL: u32 = 5;

/// What of one sort of answer is kept.
#[derive(Debug, Clone)]
struct Limits {
    ttl_max: u32,
    ttl_min: u32,
    capacity: usize,
    /// Zones whose answers are passed on untouched.
    disabled: Vec<Name>,
}

struct Cache {
    clock: SharedClock,
    zones: Vec<Name>,
    success: Limits,
    denial: Limits,
    kept: Mutex<HashMap<Key, Entry>>,
    hits: Counter,
    misses: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: Name,
    kind: u16,
    wants_dnssec: bool,
    checks_disabled: bool,
}

struct Entry {
    answer: Arc<Message>,
    stored: Duration,
    ttl: u32,
}

pub(super) fn set_up(
    directive: &Directive,
    block: &mut Block,
    settings: &mut Settings,
) -> Result<(), CorefileError> {
    let mut arguments = &directive.arguments[..];
    let limits = |ttl_max| Limits {
        ttl_max,
        ttl_min: TTL_MIN,
        capacity: CAPACITY,
        disabled: Vec::new(),
    };
    let (mut success, mut denial) = (limits(SUCCESS_TTL_MAX), limits(DENIAL_TTL_MAX));
    if let Some(ttl) = arguments.first().and_then(|text| text.parse().ok()) {
        (success.ttl_max, denial.ttl_max) = (ttl, ttl);
        arguments = &arguments[1..];
    }
    for property in &directive.block {
        match property.name.as_str() {
            "success" => set_limits(property, &mut success)?,
            "denial" => set_limits(property, &mut denial)?,
            "disable" => {
                let (sort, rest) = property
                    .arguments
                    .split_first()
                    .ok_or_else(|| property.error("wants success or denial"))?;
                let disabled = zones(property, rest, block)?;
                match sort.as_str() {
                    "success" => success.disabled = disabled,
                    "denial" => denial.disabled = disabled,
                    _ => return Err(property.error("wants success or denial")),
                }
            }
            _ => return Err(property.error("unknown property of cache, or not implemented")),
        }
    }
    let registry = &settings.registry;
    block.plugins.push(Arc::new(Cache {
        clock: Arc::clone(&settings.clock),
        zones: zones(directive, arguments, block)?,
        success,
        denial,
        kept: Mutex::default(),
        hits: registry.counter(
            "coredns_cache_hits_total",
            "The count of cache hits.",
            &["server", "type", "zones", "view"],
        ),
        misses: registry.counter(
            "coredns_cache_misses_total",
            "The count of cache misses.",
            &["server", "zones", "view"],
        ),
    }));
    Ok(())
}

/// `success CAPACITY [TTL] [MINTTL]`.
fn set_limits(property: &Directive, limits: &mut Limits) -> Result<(), CorefileError> {
    let number = |at: usize| -> Result<Option<u32>, CorefileError> {
        let text = property.arguments.get(at);
        text.map(|text| {
            text.parse()
                .map_err(|_| property.error(format_args!("{text:?} is not a number")))
        })
        .transpose()
    };
    let capacity = number(0)?.ok_or_else(|| property.error("wants a capacity"))?;
    limits.capacity = usize::try_from(capacity).unwrap_or(CAPACITY);
    limits.ttl_max = number(1)?.unwrap_or(limits.ttl_max);
    limits.ttl_min = number(2)?.unwrap_or(limits.ttl_min);
    Ok(())
}

#[async_trait]
impl Plugin for Cache {
    async fn answer(&self, request: &Request, next: Next<'_>) -> Outcome {
        if !self.zones.iter().any(|zone| request.name.is_within(zone)) {
            return next.answer(request).await;
        }
        let key = Key {
            name: request.name.clone(),
            kind: request.question.kind,
            wants_dnssec: request.message.edns.is_some_and(|edns| edns.wants_dnssec),
            checks_disabled: request.message.checks_disabled(),
        };
        if let Some(answer) = self.find(&key, request) {
            self.hits.increment(&["", "success", "", ""]);
            return Ok(answer);
        }
        self.misses.increment(&["", "", ""]);
        let mut answer = next.answer(request).await?;
        if let Some((ttl, capacity)) = self.lifetime(&key.name, &answer) {
            cap(&mut answer, ttl);
            self.keep(key, &answer, ttl, capacity);
        }
        Ok(answer)
    }
}

impl Cache {
    fn find(&self, key: &Key, request: &Request) -> Option<Message> {
        let now = self.clock.monotonic();
        let mut kept = self.kept.lock().expect("no holder of this lock panics");
        let entry = kept.get(key)?;
        let age = u32::try_from(now.saturating_sub(entry.stored).as_secs()).unwrap_or(u32::MAX);
        if age >= entry.ttl {
            kept.remove(key);
            return None;
        }
        let mut answer = (*entry.answer).clone();
        let left = entry.ttl - age;
        drop(kept);
        answer.readdress(&request.message);
        cap(&mut answer, left);
        Some(answer)
    }

    /// How long the answer may be kept, and among how many others; `None` if not at all.
    fn lifetime(&self, name: &Name, answer: &Message) -> Option<(u32, usize)> {
        if answer.is_truncated() {
            return None;
        }
        let is_denied = answer.code == rcode::NAME_ERROR || answer.answers.is_empty();
        let limits = match answer.code {
            rcode::NO_ERROR | rcode::NAME_ERROR if is_denied => &self.denial,
            rcode::NO_ERROR => &self.success,
            rcode::SERVER_FAILURE => return Some((FAILURE_TTL, self.denial.capacity)),
            _ => return None,
        };
        if limits.disabled.iter().any(|zone| name.is_within(zone)) {
            return None;
        }
        let ttl = if is_denied {
            // Without a SOA nobody says for how long there is nothing.
            answer.authorities.iter().find_map(Record::negative_ttl)?
        } else {
            answer.answers.iter().map(|record| record.ttl).min()?
        };
        let ttl = ttl.max(limits.ttl_min).min(limits.ttl_max);
        Some((ttl, limits.capacity))
    }

    fn keep(&self, key: Key, answer: &Message, ttl: u32, capacity: usize) {
        let stored = self.clock.monotonic();
        let mut kept = self.kept.lock().expect("no holder of this lock panics");
        if kept.len() >= capacity.max(1) && !kept.contains_key(&key) {
            // Any of them: the order of a hash map is as good as chance.
            if let Some(victim) = kept.keys().next().cloned() {
                kept.remove(&victim);
            }
        }
        let answer = Arc::new(answer.clone());
        kept.insert(
            key,
            Entry {
                answer,
                stored,
                ttl,
            },
        );
    }
}

/// No record lives longer than the answer.
fn cap(answer: &mut Message, ttl: u32) {
    let sections = [
        &mut answer.answers,
        &mut answer.authorities,
        &mut answer.additional,
    ];
    for record in sections.into_iter().flatten() {
        if record.kind != kind::OPT {
            record.ttl = ttl;
        }
    }
}

#[cfg(test)]
mod tests;
