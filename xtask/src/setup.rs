//! Installs what building and testing need besides a Rust toolchain: a C compiler, rustfmt, clippy.

use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{is_root, step};

/// Makes the machine fit; does nothing on one that is.
pub(crate) fn run() -> Result<()> {
    if !answers("cc") {
        install(&["gcc", "libc6-dev"])?;
    }
    for (program, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        if !answers(program) {
            step(
                component,
                Command::new("rustup").args(["component", "add", component]),
            )?;
        }
    }
    println!("setup: this machine has what it needs");
    Ok(())
}

fn answers(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn install(packages: &[&str]) -> Result<()> {
    if !answers("apt-get") {
        bail!(
            "a C compiler is missing; install the packages {} or their like",
            packages.join(", ")
        );
    }
    if !is_root() {
        bail!("run as root, or install {}", packages.join(", "));
    }
    step(
        "package lists",
        Command::new("apt-get").args(["-qq", "update"]),
    )?;
    let mut command = Command::new("apt-get");
    command.args(["-qq", "-y", "install"]).args(packages);
    step("packages", &mut command)
}
