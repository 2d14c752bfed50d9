//! A cluster of two nodes that a task makes for itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command::{step, workspace};

/// The cluster, for one run.
#[derive(Debug)]
pub(crate) struct Testbed {
    name: &'static str,
    binary: PathBuf,
    pub(crate) kubeconfig: PathBuf,
}

impl Testbed {
    /// Creates it and waits until all nodes and system pods are ready.
    pub(crate) fn create(name: &'static str, binary: &Path, folder: &Path) -> Result<Self> {
        let cluster = Self {
            name,
            binary: binary.to_owned(),
            kubeconfig: folder.join("kubeconfig"),
        };
        let mut create = cluster.command(&["create", "cluster", "--wait", "120s", "--config"]);
        create.arg(workspace().join("examples/two-nodes.yaml"));
        cluster.named(&mut create);
        step("cluster", &mut create)?;
        Ok(cluster)
    }

    /// Loads every archive of a folder into both nodes.
    pub(crate) fn load(&self, folder: &Path) -> Result<()> {
        let entries = fs::read_dir(folder).with_context(|| {
            format!(
                "could not list the image archives in {}: build the images of the suite, or name \
                 their folder with --images",
                folder.display()
            )
        })?;
        let paths = entries.map(|entry| entry.map(|it| it.path()));
        let mut archives = paths.collect::<Result<Vec<_>, _>>()?;
        archives.retain(|path| path.extension().is_some_and(|it| it == "tar"));
        archives.sort();
        if archives.is_empty() {
            bail!("there is no image archive (*.tar) in {}", folder.display());
        }
        let mut load = self.command(&["load", "image-archive", "--name", self.name]);
        step("images", load.args(archives))
    }

    /// Deletes it.
    pub(crate) fn delete(&self) -> Result<()> {
        let mut delete = self.command(&["delete", "cluster"]);
        self.named(&mut delete);
        step("delete the cluster", &mut delete)
    }

    fn named(&self, command: &mut Command) {
        command.args(["--name", self.name, "--kubeconfig"]);
        command.arg(&self.kubeconfig);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args);
        command
    }
}
