//! `styr delete cluster`, `styr delete clusters`

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use styr_cluster::delete::delete;
use styr_cluster::kubeconfig;
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
    /// The cluster name [default: kind]
    #[arg(long, short)]
    name: Option<String>,
    /// A kubeconfig that the cluster is taken out of, besides those it was added to
    #[arg(long)]
    kubeconfig: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Many {
    /// Deletes all clusters
    #[arg(long, short = 'A')]
    all: bool,
    /// A kubeconfig that the clusters are taken out of, besides those they were added to
    #[arg(long)]
    kubeconfig: Option<String>,
    /// The clusters' names
    names: Vec<String>,
}

pub(super) fn run(what: What, quiet: bool) -> Result<()> {
    let state = State::from_environment();
    let (names, file) = match what {
        What::Cluster(one) => {
            let name = super::cluster_name(one.name.as_deref());
            (vec![name], one.kubeconfig)
        }
        What::Clusters(many) if many.all => (state.clusters()?, many.kubeconfig),
        What::Clusters(many) if many.names.is_empty() => bail!("name clusters, or give --all"),
        What::Clusters(many) => (many.names, many.kubeconfig),
    };
    // One that cannot be deleted does not keep the others.
    let mut failures = Vec::new();
    for name in names {
        if !quiet {
            super::note(&format!("Deleting cluster \"{name}\" ..."))?;
        }
        if let Err(error) = delete_one(&name, &state, file.as_deref()) {
            failures.push(format!("{error:#}"));
        }
    }
    match failures.as_slice() {
        [] => Ok(()),
        failures => bail!("{}", failures.join("\n")),
    }
}

fn delete_one(name: &str, state: &State, file: Option<&str>) -> Result<()> {
    delete(name, state).with_context(|| format!("could not delete cluster {name:?}"))?;
    kubeconfig::remove(&kubeconfig::path(file), &format!("kind-{name}"))
}
