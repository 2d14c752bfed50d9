//! Why specs fail: one line each, written by hand, and kept when the report is written again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// The causes by spec. A line is the spec's name, a tab, and the cause; `#` begins a comment.
pub(super) fn read(file: &Path) -> Result<BTreeMap<String, String>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('\t'));
    Ok(pairs
        .map(|(name, cause)| (name.trim().to_owned(), cause.trim().to_owned()))
        .collect())
}
