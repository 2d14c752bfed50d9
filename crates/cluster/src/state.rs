//! Where clusters live on disk: `/var/lib/styr/clusters/NAME/`, images beside them.
//!
//! The root can be moved with `STYR_STATE`; it must not lie on overlayfs, which cannot hold the
//! upper layers of containers. A cluster's folder is locked while a command changes it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{FlockOperation, flock, statfs};
use serde::{Deserialize, Serialize};

use crate::config::Role;

const DEFAULT_ROOT: &str = "/var/lib/styr";
/// The magic number that `statfs` answers for overlayfs.
const OVERLAYFS: i64 = 0x794c_7630;

/// All state of this machine's clusters.
#[derive(Debug, Clone)]
pub struct State {
    root: PathBuf,
}

/// What is known of a cluster once it is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The cluster.
    pub name: String,
    /// The bridge's network, as text.
    pub subnet: String,
    /// Where the API server answers at the host.
    pub server: String,
    /// The nodes, the control plane first.
    pub nodes: Vec<NodeRecord>,
}

/// A node, once it is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeRecord {
    /// `NAME-worker` ...
    pub name: String,
    /// `control-plane` or `worker`.
    pub role: String,
    /// On the bridge.
    pub address: String,
}

impl NodeRecord {
    /// The name of a role as the record holds it.
    pub fn role_name(role: Role) -> &'static str {
        match role {
            Role::ControlPlane => "control-plane",
            Role::Worker => "worker",
        }
    }
}

/// A cluster's folder, held by this process alone.
#[derive(Debug)]
pub struct Locked {
    /// The folder.
    pub folder: PathBuf,
    _lock: File,
}

impl State {
    /// The root that the environment names, or the default.
    pub fn from_environment() -> Self {
        let root =
            std::env::var_os("STYR_STATE").map_or_else(|| DEFAULT_ROOT.into(), PathBuf::from);
        Self { root }
    }

    /// Another root.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of a cluster.
    pub fn cluster(&self, name: &str) -> PathBuf {
        self.root.join("clusters").join(name)
    }

    /// The image store, shared by all clusters.
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// Makes the root and refuses one that cannot hold containers.
    pub fn prepare(&self) -> Result<()> {
        for folder in [self.root.join("clusters"), self.images()] {
            fs::create_dir_all(&folder)
                .with_context(|| format!("could not make {}", folder.display()))?;
        }
        let kind = statfs(&self.root).context("could not ask for the file system of the state")?;
        if kind.f_type == OVERLAYFS {
            bail!(
                "{} lies on overlayfs, which cannot hold containers; set STYR_STATE to a folder \
                 on a disk or a tmpfs",
                self.root.display()
            );
        }
        Ok(())
    }

    /// Names of all clusters, sorted.
    pub fn clusters(&self) -> Result<Vec<String>> {
        let folder = self.root.join("clusters");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("could not read {}", folder.display()));
            }
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Makes a cluster's folder; there must be none.
    pub fn create(&self, name: &str) -> Result<Locked> {
        self.prepare()?;
        let folder = self.cluster(name);
        let mut made = fs::create_dir(&folder);
        if made
            .as_ref()
            .is_err_and(|it| it.kind() == io::ErrorKind::NotFound)
        {
            // The last cluster took the folder away in between.
            self.prepare()?;
            made = fs::create_dir(&folder);
        }
        if let Err(error) = made {
            if error.kind() == io::ErrorKind::AlreadyExists {
                bail!(
                    "node(s) already exist for a cluster with the name {name:?}; give another \
                     --name, or `styr delete cluster --name {name}` first"
                );
            }
            return Err(error).with_context(|| format!("could not make {}", folder.display()));
        }
        // Keys lie in it, and files of pods with whatever modes they have there.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("could not close {} for others", folder.display()))?;
        lock(folder)
    }

    /// Takes hold of a cluster that exists; `None` if there is none.
    pub fn open(&self, name: &str) -> Result<Option<Locked>> {
        let folder = self.cluster(name);
        if folder.exists() {
            lock(folder).map(Some)
        } else {
            Ok(None)
        }
    }

    /// What is known of a cluster; `None` if it does not exist or was never finished.
    pub fn record(&self, name: &str) -> Result<Option<Record>> {
        let path = self.cluster(name).join("cluster.json");
        match fs::read(&path) {
            Ok(bytes) => {
                Ok(Some(serde_json::from_slice(&bytes).with_context(|| {
                    format!("could not read {}", path.display())
                })?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
        }
    }

    /// Takes the folder of clusters away once it is empty; images stay for the next cluster.
    pub(crate) fn tidy(&self) {
        if let Err(error) = fs::remove_dir(self.root.join("clusters")) {
            tracing::debug!(%error, "the folder of clusters stays");
        }
    }
}

fn lock(folder: PathBuf) -> Result<Locked> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("could not make {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!(
            "another command is at work on {}; wait for it to end",
            folder.display()
        );
    }
    Ok(Locked {
        folder,
        _lock: file,
    })
}

/// Writes a file whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests;
