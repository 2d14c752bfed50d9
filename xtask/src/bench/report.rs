//! The figures as a table.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// One figure: ours, and where it was measured in the same run, the real one.
#[derive(Debug)]
pub(super) struct Row {
    what: String,
    ours: f64,
    unit: &'static str,
    real: Option<f64>,
    /// How many times better ours is: the median of several pairs.
    ratio: Option<f64>,
}

impl Row {
    /// A figure of ours alone.
    pub(super) fn ours(what: &str, ours: f64, unit: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            ours,
            unit,
            real: None,
            ratio: None,
        }
    }

    /// A figure of both sides, and how many times better ours is.
    pub(super) fn both(
        what: &str,
        (ours, real): (f64, f64),
        unit: &'static str,
        ratio: f64,
    ) -> Self {
        Self {
            real: Some(real),
            ratio: Some(ratio),
            ..Self::ours(what, ours, unit)
        }
    }

    /// The size of the binary.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a file has fewer bytes than 2 to the 52"
    )]
    pub(super) fn size(binary: &Path) -> Result<Self> {
        let size = fs::metadata(binary)
            .with_context(|| format!("could not look at {}", binary.display()))?
            .len();
        Ok(Self::ours("size of the binary", size as f64 / 1e6, "MB"))
    }
}

/// The page.
pub(super) fn text(rows: &[Row]) -> String {
    let mut text = String::from(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench`. Figures hold for the machine and the hour in which they \
         were taken; ratios (how many times better ours is, median of three pairs taken in turn) \
         hold longer.\n\n\
         | what | ours | real | ratio |\n|---|---|---|---|\n",
    );
    for row in rows {
        let figure = |value: f64| match row.unit {
            "" => format!("{value:.0}"),
            unit => format!("{} {unit}", rounded(value)),
        };
        let real = row.real.map_or_else(|| "-".to_owned(), figure);
        let ratio = row
            .ratio
            .map_or_else(|| "-".to_owned(), |it| format!("{it:.2}"));
        // Writing to memory does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {real} | {ratio} |",
            row.what,
            figure(row.ours)
        );
    }
    text
}

fn rounded(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
