//! `styr delete cluster`, `styr delete clusters`

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use styr_cluster::delete::delete;
use styr_cluster::state::State;

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Deletes a cluster
    Cluster(One),
    /// Deletes several clusters
    Clusters(Many),
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// The cluster name
    #[arg(long, short, default_value = "kind")]
    name: String,
    /// Accepted as kind does; the cluster knows which file holds its entries
    #[arg(long)]
    kubeconfig: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Many {
    /// Deletes all clusters
    #[arg(long, short = 'A')]
    all: bool,
    /// The clusters' names
    names: Vec<String>,
}

pub(super) fn run(what: What) -> Result<()> {
    let state = State::from_environment();
    let names = match what {
        What::Cluster(One {
            name,
            kubeconfig: _,
        }) => vec![name],
        What::Clusters(Many { all: true, .. }) => state.clusters()?,
        What::Clusters(Many { names, .. }) if names.is_empty() => {
            bail!("name clusters, or give --all")
        }
        What::Clusters(Many { names, .. }) => names,
    };
    for name in names {
        super::say(&format!("Deleting cluster \"{name}\" ..."))?;
        delete(&name, &state)?;
    }
    Ok(())
}
