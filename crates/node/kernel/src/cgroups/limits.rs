//! What a group may use, in the terms of OCI and CRI.

use std::collections::BTreeMap;

use super::DeviceRule;

/// A limit on huge pages of one size (`2MB`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HugePages {
    pub size: String,
    pub limit: u64,
}

/// Limits; `None` leaves what is set. For the signed ones -1 is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    pub cpu_shares: Option<u64>,
    /// Microseconds of processor time in each period.
    pub cpu_quota: Option<i64>,
    pub cpu_period: Option<u64>,
    pub cpus: Option<String>,
    pub memory_nodes: Option<String>,
    pub memory: Option<i64>,
    /// Memory and swap together.
    pub memory_and_swap: Option<i64>,
    pub processes: Option<i64>,
    pub huge_pages: Vec<HugePages>,
    /// Files of version 2, set as they are; nothing with version 1.
    pub unified: BTreeMap<String, String>,
    /// Applied in order; none leaves what is set.
    pub devices: Vec<DeviceRule>,
}

const FEWEST_SHARES: u64 = 2;
const MOST_SHARES: u64 = 262_144;
const MOST_WEIGHT: u64 = 10_000;

/// Version 2's weight for version 1's shares: a curve through least, default and most of both.
pub fn shares_to_weight(shares: u64) -> u64 {
    match shares {
        0 => 0,
        1..=FEWEST_SHARES => 1,
        MOST_SHARES.. => MOST_WEIGHT,
        _ => {
            let bits = f64::from(u32::try_from(shares).unwrap_or(u32::MAX)).log2();
            let exponent = (bits * bits + 125.0 * bits) / 612.0 - 7.0 / 34.0;
            let weight = 10_f64.powf(exponent).ceil().clamp(1.0, 10_000.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to a small positive whole number"
            )]
            let weight = weight as u64;
            weight
        }
    }
}
