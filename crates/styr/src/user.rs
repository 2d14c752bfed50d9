//! What a user says: create, get, export, load, delete; the words and flags are kind's.

mod create;
mod delete;
mod export;
mod get;
mod load;

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

/// Kubernetes in one binary: clusters of nodes that are sandboxes of this machine.
#[derive(Debug, Parser)]
#[command(name = "styr", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates one of [cluster]
    #[command(subcommand)]
    Create(create::What),
    /// Gets one of [clusters, nodes, kubeconfig]
    #[command(subcommand)]
    Get(get::What),
    /// Exports one of [kubeconfig, logs]
    #[command(subcommand)]
    Export(export::What),
    /// Loads images into nodes
    #[command(subcommand)]
    Load(load::What),
    /// Deletes one of [cluster, clusters]
    #[command(subcommand)]
    Delete(delete::What),
}

/// Runs a user's command.
pub(crate) fn run(args: Vec<String>) -> Result<()> {
    let program = std::iter::once("styr".to_owned());
    let cli = match Cli::try_parse_from(program.chain(args)) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return Err(anyhow::anyhow!("{error}")),
        Err(help) => return say(&help.to_string()),
    };
    match cli.command {
        Command::Create(what) => create::run(what),
        Command::Get(what) => get::run(&what),
        Command::Export(what) => export::run(what),
        Command::Load(what) => load::run(&what),
        Command::Delete(what) => delete::run(what),
    }
}

/// Prints a line for the user.
pub(crate) fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", text.trim_end()).context("could not print")
}
