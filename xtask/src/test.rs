//! The whole pipeline: what is green here is green in CI.

use anyhow::Result;
use clap::Args;

use crate::command::{cargo, step, workspace};
use crate::generate;

/// What to leave out when in a hurry.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Leaves out clippy and the documentation.
    #[arg(long)]
    no_lint: bool,
}

/// Runs every step; the first failure ends it.
pub(crate) fn run(options: &Options) -> Result<()> {
    step("format", &mut cargo(&["fmt", "--all", "--", "--check"]))?;
    tables()?;
    if !options.no_lint {
        lint()?;
    }
    let tests = ["test", "--workspace", "--no-fail-fast"];
    step("tests", &mut cargo(&tests))
}

/// The checked-in tables are those of the facts, where the facts are.
fn tables() -> Result<()> {
    if generate::facts(&workspace()).is_none() {
        println!("==> generated tables: skipped: no facts");
        return Ok(());
    }
    println!("==> generated tables");
    generate::run(&generate::Options { check: true })
}

/// No warning of the compiler, of clippy or of rustdoc is left.
fn lint() -> Result<()> {
    let clippy = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-Dwarnings",
    ];
    step("lint", &mut cargo(&clippy))?;
    let doc = ["doc", "--quiet", "--workspace", "--no-deps"];
    step(
        "documentation",
        cargo(&doc).env("RUSTDOCFLAGS", "-Dwarnings"),
    )
}
