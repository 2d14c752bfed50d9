//! The static binary: glibc linked in, so that it runs in an image that holds nothing else.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::command::{cargo, step, target};

/// Builds `styr` in release mode and answers where it is.
pub(crate) fn static_binary() -> Result<PathBuf> {
    Ok(static_binaries(&["styr"])?.join("styr"))
}

/// Builds packages in release mode and answers the folder of their programs.
///
/// The program lies where it was linked to: pages that need no relocation are shared by all of its
/// processes, of which a node has one for each pod. A target is named although it is the machine's
/// own: only then do the flags leave procedural macros alone, which cannot be static.
pub(crate) fn static_binaries(packages: &[&str]) -> Result<PathBuf> {
    let triple = host()?;
    let flags = format!(
        "target.{triple}.rustflags=[\"-Ctarget-feature=+crt-static\", \"-Crelocation-model=static\"]"
    );
    let mut command = cargo(&["build", "--release", "--quiet"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    command.args(["--target", &triple, "--config", &flags]);
    step(
        &format!("static build of {}", packages.join(" and ")),
        &mut command,
    )?;
    Ok(target().join(triple).join("release"))
}

fn host() -> Result<String> {
    let output = std::process::Command::new("rustc")
        .arg("-vV")
        .output()
        .context("no rustc")?;
    let text = String::from_utf8(output.stdout).context("rustc does not speak UTF-8")?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned)
        .context("rustc does not name its host")
}
