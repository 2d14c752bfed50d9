//! The cluster of `up`, by the user's own commands of the program.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use styr_client::Client;

use crate::command::step;

/// All nodes and system pods; a busy machine takes its time.
const WAIT: &str = "120s";

/// A cluster by its name, and the program that makes it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) program: PathBuf,
    pub(super) name: String,
}

/// What earlier runs have left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// Its creation was cut off.
    Begun,
    Whole,
}

impl Cluster {
    pub(super) fn find(&self) -> Result<Found> {
        let names = output(Command::new(&self.program).args(["get", "clusters"]))?;
        Ok(found(&names, &self.name, || self.kubeconfig().is_ok()))
    }

    pub(super) fn create(&self, config: &Path) -> Result<()> {
        let mut command = self.command(&["create", "cluster", "--wait", WAIT]);
        step("cluster", command.arg("--config").arg(config))
    }

    pub(super) fn delete(&self) -> Result<()> {
        step("deleting it", &mut self.command(&["delete", "cluster"]))
    }

    pub(super) fn load(&self, archive: &Path) -> Result<()> {
        let mut command = self.command(&["load", "image-archive"]);
        step("images", command.arg(archive))
    }

    /// So that kubectl means this cluster, whatever it was told since.
    pub(super) fn export_kubeconfig(&self) -> Result<()> {
        step("kubeconfig", &mut self.command(&["export", "kubeconfig"]))
    }

    pub(super) async fn client(&self) -> Result<Client> {
        let kubeconfig = Kubeconfig::from_yaml(&self.kubeconfig()?)
            .context("could not understand the cluster's kubeconfig")?;
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        Client::from_config(config)
    }

    fn kubeconfig(&self) -> Result<String> {
        output(&mut self.command(&["get", "kubeconfig"]))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).args(["--name", &self.name]);
        command
    }
}

/// The record of a cluster, with its kubeconfig, is the last that is written of it.
fn found(names: &str, name: &str, has_kubeconfig: impl FnOnce() -> bool) -> Found {
    if !names.lines().any(|line| line == name) {
        return Found::Nothing;
    }
    if has_kubeconfig() {
        Found::Whole
    } else {
        Found::Begun
    }
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("could not start {command:?}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{command:?} ended with {}: {}",
            output.status,
            reason.trim()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} does not print text"))
}

#[cfg(test)]
mod tests;
