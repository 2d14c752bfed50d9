//! `styr create cluster`

use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use styr_base::SystemClock;
use styr_cluster::config::Config;
use styr_cluster::create::{Options, Surroundings, create};
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
    /// Not supported: a node is made of this program, not of an image
    #[arg(long)]
    image: Option<String>,
    /// The kubeconfig that the cluster is added to [default: $KUBECONFIG or $HOME/.kube/config]
    #[arg(long)]
    kubeconfig: Option<String>,
    /// Cluster name, overrides `KIND_CLUSTER_NAME` and the configuration's [default: kind]
    #[arg(long, short)]
    name: Option<String>,
    /// Keeps what was made when creation fails
    #[arg(long)]
    retain: bool,
    /// Waits for all nodes and system pods to be ready, for example 60s
    #[arg(long, default_value = "0s")]
    wait: String,
}

pub(super) fn run(what: What, quiet: bool) -> Result<()> {
    let What::Cluster(options) = what;
    if options.image.is_some() {
        bail!("--image is not supported: a node is made of this program; leave it out");
    }
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
        let mut progress = if quiet {
            Progress::quiet(clock.clone())
        } else {
            Progress::new(Box::new(std::io::stderr()), clock.clone())
        };
        let surroundings = Surroundings {
            state: State::from_environment(),
            clock,
            shutdown,
        };
        let made = create(&config, &surroundings, &creation, &mut progress).await;
        made.with_context(|| format!("could not create cluster {:?}", config.name))
    })
}

fn configuration(options: &Cluster) -> Result<Config> {
    let variable = std::env::var(super::NAME_VARIABLE).ok();
    let name = options.name.as_deref().or(variable.as_deref());
    let name = name.filter(|name| !name.is_empty());
    let text = match options.config.as_deref() {
        None => return Ok(Config::single(name.unwrap_or(super::NAME_DEFAULT))?),
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
