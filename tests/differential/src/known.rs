//! Differences that are known, each with its reason. One that is gone has to go from the list.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// An entry of `known.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    pub case: String,
    pub step: String,
    /// The place, or what lies below it.
    pub at: String,
    /// Why it differs, and what would mend it.
    pub why: String,
}

impl Known {
    /// Whether a difference is this one.
    pub fn covers(&self, case: &str, step: &str, at: &str) -> bool {
        let below = at.strip_prefix(&self.at);
        self.case == case
            && self.step == step
            && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Reads the list.
pub fn read(file: &Path) -> Result<Vec<Known>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("could not parse {}", file.display()))
}
