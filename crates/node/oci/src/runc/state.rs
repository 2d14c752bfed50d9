//! What is known of a container, in a folder of the state root.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use styr_kernel::process;

use super::Global;
use crate::spec::Spec;

pub(super) const OCI_VERSION: &str = "1.2.1";
const FILE: &str = "state.json";
const CONFIG: &str = "config.json";
const HOLD: &str = "exec.fifo";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) id: String,
    pub(super) pid: i32,
    pub(super) start_time: u64,
    pub(super) bundle: PathBuf,
    pub(super) created: String,
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// What is told to hooks and callers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    oci_version: &'static str,
    pub(super) id: String,
    pub(super) pid: i32,
    pub(super) status: &'static str,
    pub(super) bundle: PathBuf,
    pub(super) rootfs: PathBuf,
    pub(super) created: String,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) owner: String,
}

/// Where a container is in its life.
pub(super) const CREATED: &str = "created";
pub(super) const RUNNING: &str = "running";
pub(super) const PAUSED: &str = "paused";
pub(super) const STOPPED: &str = "stopped";

/// The folder of a container that may or may not exist.
pub(super) fn folder(global: &Global, id: &str) -> anyhow::Result<PathBuf> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_+-.".contains(letter);
    if id.is_empty() || id == "." || id == ".." || !id.chars().all(allowed) {
        bail!("invalid container ID format: {id:?}");
    }
    Ok(global.root.join(id))
}

impl State {
    pub(super) fn read(global: &Global, id: &str) -> anyhow::Result<Self> {
        let folder = folder(global, id)?;
        let text = match fs::read(folder.join(FILE)) {
            Ok(text) => text,
            // Callers look for these very words.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("container does not exist")
            }
            Err(error) => return Err(error).context("could not read the container's state"),
        };
        let state: Self = serde_json::from_slice(&text)
            .with_context(|| format!("could not understand the state of container {id}"))?;
        Ok(Self { folder, ..state })
    }

    pub(super) fn write(&self, spec: &Spec) -> anyhow::Result<()> {
        fs::write(self.folder.join(CONFIG), serde_json::to_vec(spec)?)?;
        let temporary = self.folder.join(".state.json");
        fs::write(&temporary, serde_json::to_vec(self)?)?;
        Ok(fs::rename(temporary, self.folder.join(FILE))?)
    }

    pub(super) fn spec(&self) -> anyhow::Result<Spec> {
        Spec::read(&self.folder.join(CONFIG))
    }

    pub(super) fn write_spec(&self, spec: &Spec) -> anyhow::Result<()> {
        Ok(fs::write(
            self.folder.join(CONFIG),
            serde_json::to_vec(spec)?,
        )?)
    }

    pub(super) fn hold(&self) -> PathBuf {
        self.folder.join(HOLD)
    }

    pub(super) fn status(&self) -> &'static str {
        if !process::is_alive(self.pid, self.start_time) {
            return STOPPED;
        }
        if self.hold().exists() {
            return CREATED;
        }
        if self.is_paused() { PAUSED } else { RUNNING }
    }

    fn is_paused(&self) -> bool {
        let group = self
            .spec()
            .ok()
            .and_then(|spec| super::cgroup_of(&spec.linux()).ok());
        let Some(Some(group)) = group else {
            return false;
        };
        let says = |folder: Option<&Path>, file: &str, word: &str| {
            let text = folder.and_then(|folder| fs::read_to_string(folder.join(file)).ok());
            text.is_some_and(|text| text.trim() == word)
        };
        says(group.folder("freezer"), "freezer.state", "FROZEN")
            || says(group.folder(""), "cgroup.freeze", "1")
    }

    pub(super) fn told(&self) -> anyhow::Result<Told> {
        let spec = self.spec()?;
        let status = self.status();
        let root = spec.root.map(|root| root.path).unwrap_or_default();
        Ok(Told {
            oci_version: OCI_VERSION,
            id: self.id.clone(),
            pid: if status == STOPPED { 0 } else { self.pid },
            status,
            bundle: self.bundle.clone(),
            rootfs: self.bundle.join(root),
            created: self.created.clone(),
            annotations: spec.annotations,
            owner: String::new(),
        })
    }
}
