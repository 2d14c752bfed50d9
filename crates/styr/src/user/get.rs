//! `styr get clusters`, `styr get nodes`, `styr get kubeconfig`

use std::fs;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use styr_cluster::state::{Record, State};

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Lists the clusters
    Clusters,
    /// Lists the nodes of a cluster
    Nodes(Of),
    /// Prints a cluster's kubeconfig
    Kubeconfig(Of),
}

#[derive(Debug, Args)]
pub(super) struct Of {
    /// The cluster name
    #[arg(long, short, default_value = "kind")]
    name: String,
    /// For kubeconfig: the server's address within the nodes' network
    #[arg(long)]
    internal: bool,
}

pub(super) fn run(what: &What) -> Result<()> {
    let state = State::from_environment();
    match what {
        What::Clusters => match state.clusters()?.as_slice() {
            [] => super::say("No kind clusters found."),
            names => super::say(&names.join("\n")),
        },
        What::Nodes(of) => {
            let record = record(&state, &of.name)?;
            let names: Vec<&str> = record.nodes.iter().map(|node| node.name.as_str()).collect();
            super::say(&names.join("\n"))
        }
        What::Kubeconfig(of) => super::say(&kubeconfig(&state, of)?),
    }
}

/// What is known of a cluster that must be there.
pub(super) fn record(state: &State, name: &str) -> Result<Record> {
    match state.record(name)? {
        Some(record) => Ok(record),
        None => {
            bail!("no nodes found for cluster {name:?}; `styr get clusters` lists those there are")
        }
    }
}

pub(super) fn kubeconfig(state: &State, of: &Of) -> Result<String> {
    record(state, &of.name)?;
    let file = if of.internal {
        "internal.kubeconfig"
    } else {
        "kubeconfig"
    };
    let path = state.cluster(&of.name).join(file);
    fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))
}

impl Of {
    pub(super) fn cluster(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            internal: false,
        }
    }
}
