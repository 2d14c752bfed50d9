//! `styr create cluster`

use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use styr_base::SystemClock;
use styr_cluster::config::Config;
use styr_cluster::create::{Options, create};
use styr_cluster::progress::Progress;
use styr_cluster::state::State;
use styr_component::flags::parse_duration;

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Creates a local Kubernetes cluster
    Cluster(Cluster),
}

#[derive(Debug, Args)]
pub(super) struct Cluster {
    /// Path to a configuration file; - reads standard input
    #[arg(long)]
    config: Option<String>,
    /// Cluster name, overrides the configuration's [default: kind]
    #[arg(long, short)]
    name: Option<String>,
    /// Wait for all nodes and system pods to be ready, for example 60s
    #[arg(long, default_value = "0s")]
    wait: String,
    /// The kubeconfig that the cluster is added to
    #[arg(long)]
    kubeconfig: Option<String>,
    /// Keeps the nodes when creation fails
    #[arg(long)]
    retain: bool,
}

pub(super) fn run(what: What) -> Result<()> {
    let What::Cluster(options) = what;
    let config = configuration(&options)?;
    let wait = parse_duration(&options.wait)
        .with_context(|| format!("--wait {:?} is no duration such as 60s", options.wait))?;
    let creation = Options {
        wait: Some(wait).filter(|wait| !wait.is_zero()),
        kubeconfig: options.kubeconfig,
        retain: options.retain,
    };
    crate::on_runtime(|shutdown| async move {
        let clock = SystemClock::shared();
        let mut progress = Progress::new(Box::new(std::io::stderr()), clock.clone());
        let state = State::from_environment();
        tokio::select! {
            outcome = create(&config, (&state, clock), &creation, &mut progress) => outcome,
            () = shutdown.requested() => {
                bail!("interrupted; run `styr delete cluster --name {}` to clean up", config.name)
            }
        }
    })
}

fn configuration(options: &Cluster) -> Result<Config> {
    let name = options.name.as_deref();
    let text = match options.config.as_deref() {
        None => return Ok(Config::single(name.unwrap_or("kind"))?),
        Some("-") => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.context("could not read the configuration from standard input")?;
            text
        }
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("could not read {path}"))?
        }
    };
    Ok(Config::parse(&text, name)?)
}
