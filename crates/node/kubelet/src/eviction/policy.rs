//! The thresholds that a kubelet is configured with.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use styr_component::flags::parse_duration;
use styr_meta::Quantity;

use super::signal::Signal;

/// Upstream's, for what the configuration does not name at all.
pub(crate) const HARD: [(&str, &str); 5] = [
    ("memory.available", "100Mi"),
    ("nodefs.available", "10%"),
    ("nodefs.inodesFree", "5%"),
    ("imagefs.available", "15%"),
    ("imagefs.inodesFree", "5%"),
];
/// Known upstream and without a meaning of their own here: containers lie where images do.
const SAME_AS_IMAGES: [&str; 2] = ["containerfs.available", "containerfs.inodesFree"];

/// An amount, or a share of a capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Amount {
    Fixed(i64),
    Percent(f64),
}

impl Amount {
    pub(crate) fn of(self, capacity: i64) -> i64 {
        match self {
            Self::Fixed(amount) => amount,
            Self::Percent(percent) => {
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    reason = "a share of a size; a byte more or less does not matter"
                )]
                let share = (capacity as f64 * percent / 100.0) as i64;
                share
            }
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        if let Some(number) = text.strip_suffix('%') {
            let percent: f64 = number.parse().context("not a share in per cent")?;
            ensure!(
                (0.0..=100.0).contains(&percent),
                "not between 0 and 100 per cent"
            );
            return Ok(Self::Percent(percent));
        }
        let quantity = Quantity::parse(text).map_err(|error| anyhow::anyhow!("{error}"))?;
        ensure!(quantity.value() > 0, "must be positive");
        Ok(Self::Fixed(quantity.value()))
    }

    /// Upstream reads 0 % and 100 % as no threshold.
    fn is_nothing(self) -> bool {
        matches!(self, Self::Percent(percent) if percent <= 0.0 || percent >= 100.0)
    }
}

/// Below it, pods have to go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Threshold {
    pub(crate) signal: Signal,
    pub(crate) amount: Amount,
    /// How long it may be so before pods go; nothing for a hard threshold.
    pub(crate) grace: Duration,
    /// How much more than the amount must be free before all is well again.
    pub(crate) reclaim: Option<Amount>,
}

impl Threshold {
    pub(crate) fn is_hard(&self) -> bool {
        self.grace.is_zero()
    }
}

/// All that is configured about eviction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) thresholds: Vec<Threshold>,
    /// A pressure is told this long after it was last seen, so that it does not flap.
    pub(crate) transition: Duration,
    /// The longest grace of a pod that goes for a soft threshold.
    pub(crate) soft_grace_max_seconds: i64,
}

impl Policy {
    /// What a hard threshold keeps from pods.
    pub(crate) fn reserved(&self, signal: Signal, capacity: i64) -> i64 {
        let of_it = self.thresholds.iter();
        let mut of_it = of_it.filter(|it| it.signal == signal && it.is_hard());
        of_it.next().map_or(0, |it| it.amount.of(capacity))
    }
}

/// The maps of the configuration file, each from a signal's name.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Given<'a> {
    /// `None` takes upstream's defaults.
    pub(crate) hard: Option<&'a BTreeMap<String, String>>,
    pub(crate) soft: Option<&'a BTreeMap<String, String>>,
    pub(crate) soft_grace: Option<&'a BTreeMap<String, String>>,
    pub(crate) reclaim: Option<&'a BTreeMap<String, String>>,
}

/// Reads thresholds. The limit of all pods is watched with the hard threshold of memory.
pub(crate) fn thresholds(given: Given<'_>, enforces: Enforces) -> anyhow::Result<Vec<Threshold>> {
    let defaults = HARD.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let defaults = BTreeMap::from(defaults);
    let mut out = Vec::new();
    for (signal, amount) in amounts("evictionHard", given.hard.unwrap_or(&defaults))? {
        out.push(Threshold {
            signal,
            amount,
            grace: Duration::ZERO,
            reclaim: None,
        });
        if signal == Signal::Memory && enforces == Enforces::Pods {
            out.push(Threshold {
                signal: Signal::PodsMemory,
                amount,
                grace: Duration::ZERO,
                reclaim: None,
            });
        }
    }
    let empty = BTreeMap::new();
    for (signal, amount) in amounts("evictionSoft", given.soft.unwrap_or(&empty))? {
        let name = signal.name();
        let grace = given.soft_grace.and_then(|map| map.get(name));
        let grace = grace.with_context(|| {
            format!("grace period must be specified for the soft eviction threshold {name}")
        })?;
        let grace = parse_duration(grace)
            .with_context(|| format!("evictionSoftGracePeriod {name}: {grace:?} is no duration"))?;
        out.push(Threshold {
            signal,
            amount,
            grace,
            reclaim: None,
        });
    }
    for (signal, amount) in amounts("evictionMinimumReclaim", given.reclaim.unwrap_or(&empty))? {
        let of_it = out.iter_mut().filter(|it| it.signal == signal);
        of_it.for_each(|threshold| threshold.reclaim = Some(amount));
    }
    Ok(out)
}

/// Whether pods are held, together, to what the node offers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enforces {
    Pods,
    Nothing,
}

fn amounts(field: &str, map: &BTreeMap<String, String>) -> anyhow::Result<Vec<(Signal, Amount)>> {
    let mut out = Vec::new();
    for (name, text) in map {
        if SAME_AS_IMAGES.contains(&name.as_str()) {
            tracing::warn!(field, name, "containers lie where images do: ignored");
            continue;
        }
        let Some(signal) = Signal::parse(name).filter(|it| *it != Signal::PodsMemory) else {
            bail!("{field}: unsupported eviction signal {name:?}");
        };
        let amount = Amount::parse(text).with_context(|| format!("{field} {name}: {text:?}"))?;
        if !amount.is_nothing() {
            out.push((signal, amount));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
