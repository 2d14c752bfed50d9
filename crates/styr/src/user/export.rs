//! `styr export kubeconfig`, `styr export logs DIR`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use styr_base::{Clock as _, SystemClock};
use styr_cluster::state::State;
use styr_cluster::{export, kubeconfig};

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
    /// The cluster name [default: kind]
    #[arg(long, short)]
    name: Option<String>,
    /// The file [default: $KUBECONFIG or $HOME/.kube/config]
    #[arg(long)]
    kubeconfig: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The folder [default: a new one for temporary files]
    folder: Option<PathBuf>,
    /// The cluster name [default: kind]
    #[arg(long, short)]
    name: Option<String>,
}

pub(super) fn run(what: What) -> Result<()> {
    let state = State::from_environment();
    match what {
        What::Kubeconfig(options) => {
            let name = super::cluster_name(options.name.as_deref());
            get::record(&state, &name)?;
            let path = kubeconfig::path(options.kubeconfig.as_deref());
            export::kubeconfig(&state, &name, &path)?;
            super::note(&format!("Set kubectl context to \"kind-{name}\""))
        }
        What::Logs(options) => {
            let name = super::cluster_name(options.name.as_deref());
            let record = get::record(&state, &name)?;
            let folder = options.folder.unwrap_or_else(temporary);
            export::logs(&state, &record, &folder)?;
            super::note(&format!("Exported logs for cluster {name:?} to:"))?;
            super::say(&folder.display().to_string())
        }
    }
}

fn temporary() -> PathBuf {
    let now = SystemClock::default().now().as_millisecond();
    std::env::temp_dir().join(format!("styr-logs-{now}"))
}
