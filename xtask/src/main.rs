//! Tasks of the project itself: setup, up, test, generate, conformance, bench.
//!
//! `cargo xtask up` starts a cluster that runs an application; `cargo xtask test` passes the tests.
#![expect(clippy::print_stdout, reason = "a tool that talks to whoever runs it")]

mod bench;
mod build;
mod command;
mod conformance;
mod example;
mod generate;
mod images;
mod oracle;
mod setup;
mod test;
mod testbed;
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
    /// Builds all, starts a cluster of two nodes, and runs the example on it.
    Up(up::Options),
    /// Builds the example's images and prints where their archive is.
    Images(images::Options),
    /// Measures start, memory, idling, pods and requests, and writes the report.
    Bench(bench::Options),
    /// Runs upstream's conformance suite on a cluster of two nodes and writes the report.
    Conformance(conformance::Options),
    /// Builds the static binary and prints where it is.
    Build,
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Setup => setup::run(),
        Task::Up(options) => up::run(&options),
        Task::Images(options) => images::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Generate(options) => generate::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Conformance(options) => conformance::run(&options),
        Task::Build => {
            println!("{}", build::static_binary()?.display());
            Ok(())
        }
    }
}
