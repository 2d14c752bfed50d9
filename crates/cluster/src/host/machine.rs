//! What all clusters of this machine share, wherever their state lies: kernel settings, and a lock.
//!
//! Who needs a setting is written down before it is changed; it is put back when the last one that
//! needs it goes. The folder goes with it. A reboot forgets both the settings and these notes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::state::write_whole;

/// The machine, as clusters share it.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    folder: PathBuf,
    settings: PathBuf,
}

/// The machine, held by this process alone.
#[derive(Debug)]
pub(crate) struct Held {
    machine: Machine,
    _lock: File,
}

/// One kernel setting that is not as it was.
#[derive(Debug, Serialize, Deserialize)]
struct Setting {
    before: String,
    /// Folders of the clusters that need it.
    clusters: BTreeSet<PathBuf>,
}

type Settings = BTreeMap<PathBuf, Setting>;

impl Machine {
    /// The one that this runs on.
    pub(crate) fn this() -> Self {
        Self::at(Path::new("/run/styr"), Path::new("/proc/sys"))
    }

    fn at(folder: &Path, settings: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            settings: settings.to_owned(),
        }
    }

    /// Waits until nobody else changes what is shared.
    pub(crate) fn hold(&self) -> Result<Held> {
        let path = self.folder.join("lock");
        loop {
            fs::create_dir_all(&self.folder)
                .with_context(|| format!("could not make {}", self.folder.display()))?;
            let lock = match File::create(&path) {
                // The last holder took the folder away in between.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                lock => lock.with_context(|| format!("could not make {}", path.display()))?,
            };
            flock(&lock, FlockOperation::LockExclusive)
                .with_context(|| format!("could not lock {}", path.display()))?;
            let held = lock.metadata().context("could not look at the lock")?.ino();
            if fs::metadata(&path).is_ok_and(|found| found.ino() == held) {
                return Ok(Held {
                    machine: self.clone(),
                    _lock: lock,
                });
            }
        }
    }

    fn notes(&self) -> PathBuf {
        self.folder.join("settings.json")
    }
}

impl Held {
    /// Gives a setting the value that a cluster needs.
    pub(crate) fn claim(&self, cluster: &Path, setting: &Path, value: &str) -> Result<()> {
        let path = self.machine.settings.join(setting);
        let unreadable = || format!("could not read {}", path.display());
        let current = fs::read_to_string(&path).with_context(unreadable)?;
        let mut settings = self.read()?;
        let noted = settings
            .entry(setting.to_owned())
            .or_insert_with(|| Setting {
                before: current.trim().to_owned(),
                clusters: BTreeSet::new(),
            });
        noted.clusters.insert(cluster.to_owned());
        self.write(&settings)?;
        if current.trim() == value {
            return Ok(());
        }
        fs::write(&path, value).with_context(|| format!("could not set {}", path.display()))
    }

    /// A cluster needs nothing any more; what nobody needs is put back.
    pub(crate) fn release(&self, cluster: &Path) -> Result<()> {
        let mut settings = self.read()?;
        for (name, setting) in &mut settings {
            // Clusters whose folder somebody removed by hand do not come back.
            setting
                .clusters
                .retain(|other| other != cluster && other.exists());
            if setting.clusters.is_empty() {
                let path = self.machine.settings.join(name);
                fs::write(&path, &setting.before)
                    .with_context(|| format!("could not put {} back", path.display()))?;
            }
        }
        settings.retain(|_, setting| !setting.clusters.is_empty());
        self.write(&settings)
    }

    fn read(&self) -> Result<Settings> {
        let path = self.machine.notes();
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} is damaged", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::new()),
            Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
        }
    }

    fn write(&self, settings: &Settings) -> Result<()> {
        let path = self.machine.notes();
        if settings.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("could not remove {}", path.display()))
                }
                _ => Ok(()),
            };
        }
        let text = serde_json::to_vec(settings).context("could not note the settings")?;
        write_whole(&path, &text).with_context(|| format!("could not write {}", path.display()))
    }
}

impl Drop for Held {
    /// Takes the folder away if nothing is noted in it. Whoever waits for the lock sees that it is
    /// no longer the file of that name, and begins again.
    fn drop(&mut self) {
        if self.machine.notes().exists() {
            return;
        }
        let lock = self.machine.folder.join("lock");
        let removed = fs::remove_file(lock).and_then(|()| fs::remove_dir(&self.machine.folder));
        if let Err(error) = removed {
            tracing::debug!(%error, "the folder that clusters share stays");
        }
    }
}

#[cfg(test)]
mod tests;
