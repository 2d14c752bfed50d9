//! The static binary: glibc linked in, so that it runs in an image that holds nothing else.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::command::{cargo, step, target};

/// Builds `styr` in release mode and answers where it is.
///
/// A target is named although it is the machine's own: only then do the flags leave procedural
/// macros alone, which cannot be static.
pub(crate) fn static_binary() -> Result<PathBuf> {
    let triple = host()?;
    let flags = format!("target.{triple}.rustflags=[\"-Ctarget-feature=+crt-static\"]");
    let mut command = cargo(&["build", "--release", "--package", "styr", "--quiet"]);
    command.args(["--target", &triple, "--config", &flags]);
    step("static binary", &mut command)?;
    Ok(target().join(triple).join("release").join("styr"))
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
