//! `styr load image-archive FILE...`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use styr_cluster::load_archive;
use styr_cluster::state::State;

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Loads image archives; all nodes share one store, and see them at once
    ImageArchive(Archive),
}

#[derive(Debug, Args)]
pub(super) struct Archive {
    /// The archives
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The cluster name
    #[arg(long, short, default_value = "kind")]
    name: String,
    /// Accepted as kind does; every node has every image
    #[arg(long)]
    nodes: Vec<String>,
}

pub(super) fn run(what: &What) -> Result<()> {
    let What::ImageArchive(options) = what;
    let state = State::from_environment();
    let record = super::get::record(&state, &options.name)?;
    let unknown = options
        .nodes
        .iter()
        .find(|name| !record.nodes.iter().any(|it| it.name == **name));
    if let Some(unknown) = unknown {
        anyhow::bail!("unknown node {unknown:?}");
    }
    for file in &options.files {
        for image in load_archive(&state.images(), file)? {
            super::say(&format!("Loaded {}", image.tags.join(", ")))?;
        }
    }
    Ok(())
}
