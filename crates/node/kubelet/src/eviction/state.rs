//! From figures to a verdict: which pressures are told, and what has to be reclaimed now. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::policy::{Policy, Threshold};
use super::signal::{Observations, Pressure, Signal};

/// What is remembered from one look to the next; times are of the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Thresholds by their place in the policy, with the time since when they are passed.
    passed_since: BTreeMap<usize, Duration>,
    /// Those that were acted upon and are not resolved.
    acting: BTreeSet<usize>,
    pressure_seen: BTreeMap<Pressure, Duration>,
}

/// What follows from a look.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) pressures: BTreeSet<Pressure>,
    /// The threshold that is to be acted upon first.
    pub(crate) starved: Option<Starved>,
}

/// Something that the node is short of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Starved {
    pub(crate) threshold: Threshold,
    /// How much of it must be free, and how much is.
    pub(crate) needed: i64,
    pub(crate) available: i64,
}

/// How much has to be free before a threshold counts as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Kept,
    /// With what is to be reclaimed on top, once it was passed.
    Resolved,
}

impl State {
    pub(crate) fn look(
        &mut self,
        now: Duration,
        policy: &Policy,
        observations: &Observations,
    ) -> Outcome {
        let all = || policy.thresholds.iter().enumerate();
        let passed: BTreeSet<usize> = all()
            .filter(|(place, threshold)| {
                is_passed(threshold, observations, Until::Kept)
                    || self.acting.contains(place)
                        && is_passed(threshold, observations, Until::Resolved)
            })
            .map(|(place, _)| place)
            .collect();
        self.passed_since.retain(|place, _| passed.contains(place));
        for &place in &passed {
            self.passed_since.entry(place).or_insert(now);
            let pressure = policy.thresholds[place].signal.pressure();
            self.pressure_seen.insert(pressure, now);
        }
        self.pressure_seen
            .retain(|_, seen| now.saturating_sub(*seen) < policy.transition || *seen == now);
        let is_due = |place: &usize| {
            let since = self.passed_since.get(place).copied().unwrap_or(now);
            now.saturating_sub(since) >= policy.thresholds[*place].grace
        };
        self.acting = passed.into_iter().filter(is_due).collect();
        let due = self.acting.iter().map(|&place| policy.thresholds[place]);
        let is_memory = |it: &Threshold| matches!(it.signal, Signal::Memory | Signal::PodsMemory);
        // Memory first: the machine stands still without it.
        let starved = due.min_by_key(|threshold| !is_memory(threshold));
        Outcome {
            pressures: self.pressure_seen.keys().copied().collect(),
            starved: starved.and_then(|threshold| Starved::of(threshold, observations)),
        }
    }
}

impl Starved {
    fn of(threshold: Threshold, observations: &Observations) -> Option<Self> {
        let observed = observations.get(&threshold.signal)?;
        Some(Self {
            threshold,
            needed: threshold.amount.of(observed.capacity),
            available: observed.available,
        })
    }
}

/// Whether no threshold of a policy is passed any more, with what was to be reclaimed on top.
pub(crate) fn is_resolved(policy: &Policy, observations: &Observations) -> bool {
    let mut all = policy.thresholds.iter();
    !all.any(|threshold| is_passed(threshold, observations, Until::Resolved))
}

fn is_passed(threshold: &Threshold, observations: &Observations, until: Until) -> bool {
    let Some(observed) = observations.get(&threshold.signal) else {
        return false;
    };
    let more = threshold.reclaim.filter(|_| until == Until::Resolved);
    let more = more.map_or(0, |reclaim| reclaim.of(observed.capacity));
    observed.available < threshold.amount.of(observed.capacity) + more
}

#[cfg(test)]
mod tests;
