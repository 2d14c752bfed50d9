//! `styr export kubeconfig`, `styr export logs DIR`

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use styr_cluster::kubeconfig;
use styr_cluster::state::State;

use super::get;

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Adds a cluster to a kubeconfig file
    Kubeconfig(Kubeconfig),
    /// Copies the logs of nodes and pods into a folder
    Logs(Logs),
}

#[derive(Debug, Args)]
pub(super) struct Kubeconfig {
    /// The cluster name
    #[arg(long, short, default_value = "kind")]
    name: String,
    /// The file [default: as kubectl]
    #[arg(long)]
    kubeconfig: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The folder
    folder: PathBuf,
    /// The cluster name
    #[arg(long, short, default_value = "kind")]
    name: String,
}

pub(super) fn run(what: What) -> Result<()> {
    let state = State::from_environment();
    match what {
        What::Kubeconfig(options) => {
            let text = get::kubeconfig(&state, &get::Of::cluster(&options.name))?;
            let entries = styr_pki::Kubeconfig::parse(&text, Path::new("/"))?;
            kubeconfig::add(&kubeconfig::path(options.kubeconfig.as_deref()), &entries)?;
            super::say(&format!("Set kubectl context to \"kind-{}\"", options.name))
        }
        What::Logs(options) => logs(&state, &options),
    }
}

fn logs(state: &State, options: &Logs) -> Result<()> {
    let record = get::record(state, &options.name)?;
    let nodes = state.cluster(&options.name).join("nodes");
    for node in record.nodes {
        let from = nodes.join(&node.name);
        let to = options.folder.join(&node.name);
        copy(&from.join("rootfs/var/log"), &to.join("log"))?;
        for file in ["init.log", "node.log"] {
            let target = to.join(file);
            fs::copy(from.join(file), &target)
                .with_context(|| format!("could not write {}", target.display()))?;
        }
    }
    super::say(&format!("Exported logs to {}", options.folder.display()))
}

/// Copies files and folders; links, which lead into the node, are left out.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("could not read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)
                .with_context(|| format!("could not write {}", target.display()))?;
        }
    }
    Ok(())
}
