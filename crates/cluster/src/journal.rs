//! What a cluster made on the host, written down before it is made.
//!
//! Undo and delete walk the journal backwards; an entry whose thing was never made, or is gone, is
//! no error. One line of JSON per entry, appended and synced, so that a crash loses nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One thing on the host that has to go with the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "made")]
pub(crate) enum Entry {
    /// A network link, by name.
    Link {
        /// At most 15 characters.
        name: String,
    },
    /// An nftables table of family `ip`.
    Table {
        /// Its name.
        name: String,
    },
    /// Subtrees of that path below each cgroup hierarchy.
    Cgroup {
        /// Relative to the hierarchies' roots.
        path: PathBuf,
    },
    /// A node's sandbox.
    Node {
        /// Its name.
        name: String,
        /// The file with the id of its first process.
        pid_file: PathBuf,
    },
    /// A claim on a kernel setting, which clusters share.
    Setting {
        /// Path of the file below `/proc/sys`.
        path: PathBuf,
    },
    /// The cluster's entries in a kubeconfig file.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Name of context, cluster and user.
        context: String,
    },
}

/// The journal of one cluster.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens the journal of a cluster's folder; makes it if there is none.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("journal");
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file })
    }

    /// Writes down what is about to be made.
    pub(crate) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry).map_err(io::Error::other)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

/// All entries of a cluster's journal, the newest first. A torn last line was never acted upon.
pub(crate) fn read_backwards(folder: &Path) -> io::Result<Vec<Entry>> {
    let file = match File::open(folder.join("journal")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let lines: Vec<String> = BufReader::new(file).lines().collect::<io::Result<_>>()?;
    let mut entries = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        match serde_json::from_str(line) {
            Ok(entry) => entries.push(entry),
            Err(_) if at + 1 == lines.len() => {}
            Err(error) => {
                let path = folder.join("journal");
                let text = format!("{} is damaged in line {}: {error}", path.display(), at + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
    }
    entries.reverse();
    Ok(entries)
}

#[cfg(test)]
mod tests;
