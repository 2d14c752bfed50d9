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
    Nodes(Nodes),
    /// Prints a cluster's kubeconfig
    Kubeconfig(Kubeconfig),
}

#[derive(Debug, Args)]
pub(super) struct Nodes {
    /// The cluster name [default: kind]
    #[arg(long, short)]
    name: Option<String>,
    /// The nodes of all clusters
    #[arg(long, short = 'A')]
    all_clusters: bool,
}

#[derive(Debug, Args)]
pub(super) struct Kubeconfig {
    /// The cluster name [default: kind]
    #[arg(long, short)]
    name: Option<String>,
    /// With the server's address in the nodes' network
    #[arg(long)]
    internal: bool,
}

/// Where an API server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Host,
    Nodes,
}

pub(super) fn run(what: &What) -> Result<()> {
    let state = State::from_environment();
    match what {
        What::Clusters => match state.clusters()?.as_slice() {
            [] => super::note("No kind clusters found."),
            names => super::say(&names.join("\n")),
        },
        What::Nodes(options) => nodes(&state, options),
        What::Kubeconfig(options) => {
            let side = if options.internal {
                Side::Nodes
            } else {
                Side::Host
            };
            let name = super::cluster_name(options.name.as_deref());
            super::say(&kubeconfig(&state, &name, side)?)
        }
    }
}

fn nodes(state: &State, options: &Nodes) -> Result<()> {
    let name = super::cluster_name(options.name.as_deref());
    let clusters = if options.all_clusters {
        state.clusters()?
    } else {
        vec![name.clone()]
    };
    let mut found = Vec::new();
    for cluster in clusters {
        let record = state.record(&cluster)?;
        let nodes = record.map(|record| record.nodes).unwrap_or_default();
        found.extend(nodes.into_iter().map(|node| node.name));
    }
    match found.as_slice() {
        [] if options.all_clusters => super::note("No kind nodes found for any cluster."),
        [] => super::note(&format!("No kind nodes found for cluster {name:?}.")),
        names => super::say(&names.join("\n")),
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

pub(super) fn kubeconfig(state: &State, name: &str, side: Side) -> Result<String> {
    record(state, name)?;
    let file = match side {
        Side::Host => "kubeconfig",
        Side::Nodes => "internal.kubeconfig",
    };
    let path = state.cluster(name).join(file);
    fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))
}
