//! What runs in a helper pod of our own image: makes or removes one directory.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

/// The name under which the binary is called for this.
pub const NAME: &str = "local-path-helper";

/// Any user of any pod may write into a volume.
const MODE: u32 = 0o777;

/// `setup` or `teardown` of the directory that `VOL_DIR` names.
pub fn helper_command(args: &[String]) -> anyhow::Result<ExitCode> {
    let directory = std::env::var_os("VOL_DIR").context("VOL_DIR names no directory")?;
    let directory = PathBuf::from(directory);
    // A directory of a directory at least: what lies above holds the volumes of others.
    if !directory.is_absolute() || directory.components().count() < 3 {
        bail!("VOL_DIR {} cannot be a volume's", directory.display());
    }
    match args.first().map(String::as_str) {
        Some("setup") => setup(&directory)?,
        Some("teardown") => teardown(&directory)?,
        other => bail!(
            "expected setup or teardown, not {}",
            other.unwrap_or("nothing")
        ),
    }
    Ok(ExitCode::SUCCESS)
}

fn setup(directory: &Path) -> anyhow::Result<()> {
    let attempted = || format!("could not make {}", directory.display());
    fs::create_dir_all(directory).with_context(attempted)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(MODE)).with_context(attempted)
}

fn teardown(directory: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
