//! The whole pipeline: what is green here is green in CI.

use anyhow::Result;
use clap::Args;

use crate::command::{cargo, step};

/// What to leave out when in a hurry.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Leaves out clippy.
    #[arg(long)]
    no_lint: bool,
}

/// Runs every step; the first failure ends it.
pub(crate) fn run(options: &Options) -> Result<()> {
    step("format", &mut cargo(&["fmt", "--all", "--", "--check"]))?;
    if !options.no_lint {
        let lint = ["clippy", "--quiet", "--workspace", "--all-targets"];
        step("lint", &mut cargo(&lint))?;
    }
    step(
        "tests",
        &mut cargo(&["test", "--workspace", "--no-fail-fast"]),
    )
}
