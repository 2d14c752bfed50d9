//! Tasks of the project itself: setup, up, test, generate, conformance, bench.
//!
//! `cargo xtask up` starts a cluster that runs an application; `cargo xtask test` passes the tests.
#![expect(clippy::print_stdout, reason = "a tool that talks to whoever runs it")]

mod build;
mod command;
mod generate;
mod setup;
mod test;
mod up;

use clap::Parser;

/// Tasks of the project itself.
#[derive(Debug, Parser)]
enum Task {
    /// Installs what the machine lacks for building and testing.
    Setup,
    /// Formats, lints, tests, documents; with root also the test of a whole cluster.
    Test(test::Options),
    /// Writes the checked-in tables from the facts about upstream.
    Generate(generate::Options),
    /// Builds the static binary and starts a cluster of two nodes.
    Up,
    /// Builds the static binary and prints where it is.
    Build,
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Setup => setup::run(),
        Task::Up => up::run(),
        Task::Test(options) => test::run(&options),
        Task::Generate(options) => generate::run(&options),
        Task::Build => {
            println!("{}", build::static_binary()?.display());
            Ok(())
        }
    }
}
