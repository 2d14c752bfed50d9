//! The fields about running short: eviction, collecting images, and what pods are held to.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use styr_component::flags::parse_duration;

use crate::eviction::policy::{self, Enforces, Given, HARD, Policy};
use crate::images::collect;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Pressure {
    enforce_node_allocatable: Option<Vec<String>>,
    eviction_hard: Option<BTreeMap<String, String>>,
    eviction_soft: Option<BTreeMap<String, String>>,
    eviction_soft_grace_period: Option<BTreeMap<String, String>>,
    eviction_minimum_reclaim: Option<BTreeMap<String, String>>,
    eviction_pressure_transition_period: Option<String>,
    eviction_max_pod_grace_period: i64,
    merge_default_eviction_settings: bool,
    #[serde(rename = "imageGCHighThresholdPercent")]
    image_high_percent: Option<i64>,
    #[serde(rename = "imageGCLowThresholdPercent")]
    image_low_percent: Option<i64>,
    #[serde(rename = "imageMinimumGCAge")]
    image_age_min: Option<String>,
    #[serde(rename = "imageMaximumGCAge")]
    image_age_max: Option<String>,
}

/// Upstream's.
const TRANSITION: Duration = Duration::from_secs(300);
const HIGH_PERCENT: i64 = 85;
const LOW_PERCENT: i64 = 80;
const IMAGE_AGE_MIN: Duration = Duration::from_secs(120);

impl Pressure {
    pub(super) fn enforces(&self) -> anyhow::Result<Enforces> {
        let Some(names) = &self.enforce_node_allocatable else {
            return Ok(Enforces::Pods);
        };
        let mut enforces = Enforces::Nothing;
        for name in names {
            match name.as_str() {
                "pods" => enforces = Enforces::Pods,
                "none" | "" => {}
                other => bail!("enforceNodeAllocatable: {other:?} is not implemented"),
            }
        }
        Ok(enforces)
    }

    pub(super) fn eviction(&self) -> anyhow::Result<Policy> {
        let mut hard = self.eviction_hard.clone();
        if let Some(hard) = hard
            .as_mut()
            .filter(|_| self.merge_default_eviction_settings)
        {
            for (name, text) in HARD {
                hard.entry(name.into()).or_insert_with(|| text.into());
            }
        }
        let given = Given {
            hard: hard.as_ref(),
            soft: self.eviction_soft.as_ref(),
            soft_grace: self.eviction_soft_grace_period.as_ref(),
            reclaim: self.eviction_minimum_reclaim.as_ref(),
        };
        let name = "evictionPressureTransitionPeriod";
        let transition = duration(name, self.eviction_pressure_transition_period.as_deref())?;
        Ok(Policy {
            thresholds: policy::thresholds(given, self.enforces()?)?,
            transition: unless_zero(transition, TRANSITION),
            soft_grace_max_seconds: self.eviction_max_pod_grace_period,
        })
    }

    pub(super) fn image_collection(&self) -> anyhow::Result<collect::Policy> {
        let age_min = duration("imageMinimumGCAge", self.image_age_min.as_deref())?;
        let age_max = duration("imageMaximumGCAge", self.image_age_max.as_deref())?;
        let policy = collect::Policy {
            high_percent: self.image_high_percent.unwrap_or(HIGH_PERCENT),
            low_percent: self.image_low_percent.unwrap_or(LOW_PERCENT),
            age_min: unless_zero(age_min, IMAGE_AGE_MIN),
            age_max: age_max.unwrap_or_default(),
        };
        for (field, value) in [
            ("imageGCHighThresholdPercent", policy.high_percent),
            ("imageGCLowThresholdPercent", policy.low_percent),
        ] {
            ensure!(
                (0..=100).contains(&value),
                "{field} must be between 0 and 100, inclusive; it is {value}"
            );
        }
        ensure!(
            policy.low_percent < policy.high_percent,
            "imageGCLowThresholdPercent {} must be less than imageGCHighThresholdPercent {}",
            policy.low_percent,
            policy.high_percent
        );
        Ok(policy)
    }
}

fn duration(field: &str, text: Option<&str>) -> anyhow::Result<Option<Duration>> {
    let parse = |text| {
        parse_duration(text).with_context(|| format!("{field}: {text:?} is no duration such as 5m"))
    };
    text.map(parse).transpose()
}

/// Upstream reads zero as not given.
fn unless_zero(given: Option<Duration>, default: Duration) -> Duration {
    given.filter(|it| !it.is_zero()).unwrap_or(default)
}

#[cfg(test)]
mod tests;
