//! The whole pipeline: what is green here is green in CI.

use anyhow::Result;
use clap::Args;

use crate::build;
use crate::command::{cargo, is_root, step};

/// What to leave out when in a hurry.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Leaves out the test that creates a cluster (it needs root).
    #[arg(long)]
    no_e2e: bool,
}

/// Runs every step; the first failure ends it.
pub(crate) fn run(options: &Options) -> Result<()> {
    step("format", &mut cargo(&["fmt", "--all", "--", "--check"]))?;
    let lint = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-Dwarnings",
    ];
    step("lint", &mut cargo(&lint))?;
    step(
        "tests",
        cargo(&["test", "--workspace", "--quiet"]).env("STYR_E2E", "0"),
    )?;
    let mut doc = cargo(&["doc", "--quiet", "--workspace", "--no-deps"]);
    step("documentation", doc.env("RUSTDOCFLAGS", "-Dwarnings"))?;
    if options.no_e2e {
        println!("end-to-end: left out by --no-e2e");
        return Ok(());
    }
    if !is_root() {
        println!("end-to-end: skipped: it needs root");
        return Ok(());
    }
    let binary = build::static_binary()?;
    println!("    static binary: {}", binary.display());
    Ok(())
}
