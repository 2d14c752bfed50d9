//! `styr load image-archive FILE...`

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use styr_cluster::load_archive;
use styr_cluster::state::State;

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Not supported: `docker save` the images, and load the archive
    DockerImage(Docker),
    /// Loads image archives; all nodes share one store, and see them at once
    ImageArchive(Archive),
}

#[derive(Debug, Args)]
pub(super) struct Docker {
    images: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Archive {
    /// The archives: OCI layouts or what `docker save` writes
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The cluster name [default: kind]
    #[arg(long, short)]
    name: Option<String>,
    /// Names of nodes, with commas; every node has every image
    #[arg(long, value_delimiter = ',')]
    nodes: Vec<String>,
}

pub(super) fn run(what: &What) -> Result<()> {
    let options = match what {
        What::ImageArchive(options) => options,
        What::DockerImage(Docker { images }) => bail!(
            "docker-image is not supported: nodes do not run in Docker; `docker save --output \
             FILE {}`, then `styr load image-archive FILE`",
            images.join(" ")
        ),
    };
    let state = State::from_environment();
    let name = super::cluster_name(options.name.as_deref());
    let record = super::get::record(&state, &name)?;
    let is_known = |name: &&String| record.nodes.iter().any(|it| it.name == **name);
    if let Some(unknown) = options.nodes.iter().find(|name| !is_known(name)) {
        bail!("cluster {name:?} has no node {unknown:?}; `styr get nodes` lists those there are");
    }
    for file in &options.files {
        for image in load_archive(&state.images(), file)? {
            let names = if image.tags.is_empty() {
                image.id
            } else {
                image.tags.join(", ")
            };
            super::say(&format!("Loaded {names}"))?;
        }
    }
    Ok(())
}
