//! The example's images: its programs, statically built, and nothing else, in two versions.

mod archive;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::build;
use crate::command::target;
use archive::Image;

const PROGRAMS: [&str; 2] = ["notes-api", "notes-web"];
/// The programs are equal in both; the version is what they say of themselves.
const VERSIONS: [&str; 2] = ["v1", "v2"];
/// Nobody's in particular; a pod's template may name another.
const USER: &str = "10001:10001";

/// Where to write them.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder that notes.tar is written to [default: cargo's target folder]
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Builds and writes the archive, and says where it is.
pub(crate) fn run(options: &Options) -> Result<()> {
    let programs = build::static_binaries(&["notes"])?;
    let folder = options.out.clone().unwrap_or_else(target);
    println!("{}", write(&programs, &folder)?.display());
    Ok(())
}

/// Writes one archive of all images, out of the folder of the programs.
pub(crate) fn write(programs: &Path, folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("could not make {}", folder.display()))?;
    let mut images = Vec::new();
    for program in PROGRAMS {
        let path = programs.join(program);
        let bytes =
            std::fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        let layer = archive::layer(program, &bytes)?;
        images.extend(VERSIONS.map(|version| Image {
            name: format!("localhost/{program}:{version}"),
            layer: layer.clone(),
            entrypoint: format!("/{program}"),
            environment: vec![format!("NOTES_VERSION={version}")],
            user: USER.to_owned(),
        }));
    }
    let path = folder.join("notes.tar");
    archive::write(&path, &images)
        .with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}
