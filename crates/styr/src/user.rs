//! What a user says: create, get, export, load, delete; the words and flags are kind's.

mod create;
mod delete;
mod export;
mod get;
mod load;
mod version;

use std::io::Write as _;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};

/// The cluster's name, as kind takes it from the environment.
const NAME_VARIABLE: &str = "KIND_CLUSTER_NAME";
const NAME_DEFAULT: &str = "kind";

/// Kubernetes in one binary: clusters whose nodes are sandboxes of this machine.
#[derive(Debug, Parser)]
#[command(name = "styr", version, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    voice: Voice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Voice {
    /// Silences all but errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Accepted as kind has it; the logs of a cluster come by `styr export logs`
    #[arg(long, short, global = true, value_name = "LEVEL")]
    verbosity: Option<i32>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates one of: cluster
    #[command(subcommand)]
    Create(create::What),
    /// Deletes one of: cluster, clusters
    #[command(subcommand)]
    Delete(delete::What),
    /// Exports one of: kubeconfig, logs
    #[command(subcommand)]
    Export(export::What),
    /// Gets one of: clusters, nodes, kubeconfig
    #[command(subcommand)]
    Get(get::What),
    /// Loads images into nodes
    #[command(subcommand)]
    Load(load::What),
    /// Prints the version
    Version,
    /// Runs a component with upstream's flags
    #[command(external_subcommand)]
    Component(Vec<String>),
}

/// Runs a user's command.
pub(crate) fn run(args: Vec<String>) -> Result<()> {
    let program = std::iter::once("styr".to_owned());
    let command = <Cli as clap::CommandFactory>::command().after_help(crate::help::components());
    let parsed = command
        .try_get_matches_from(program.chain(args))
        .and_then(|matches| <Cli as clap::FromArgMatches>::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            bail!("{}", text.trim_start_matches("error: ").trim_end());
        }
        Err(help) => return say(&help.to_string()),
    };
    match cli.command {
        Command::Create(what) => create::run(what, cli.voice.quiet),
        Command::Delete(what) => delete::run(what, cli.voice.quiet),
        Command::Export(what) => export::run(what),
        Command::Get(what) => get::run(&what),
        Command::Load(what) => load::run(&what),
        Command::Version => say(&version::text()),
        Command::Component(words) => {
            let name = words.first().map(String::as_str).unwrap_or_default();
            bail!("unknown command {name:?}; `styr --help` lists them")
        }
    }
}

/// The name that a flag, the environment or kind's default gives.
fn cluster_name(given: Option<&str>) -> String {
    let variable = || {
        std::env::var(NAME_VARIABLE)
            .ok()
            .filter(|it| !it.is_empty())
    };
    given
        .map(str::to_owned)
        .or_else(variable)
        .unwrap_or_else(|| NAME_DEFAULT.to_owned())
}

/// Prints a line for the user.
pub(crate) fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", text.trim_end()).context("could not print")
}

/// Tells a user what is no result, so that a program that reads results does not take it for one.
fn note(text: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{}", text.trim_end()).context("could not print")
}

#[cfg(test)]
mod tests;
