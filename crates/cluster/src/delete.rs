//! Deletes a cluster: walks its journal backwards, then removes its folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, Result, bail};
use styr_container_runtime::images::Store;

use crate::journal;
use crate::state::State;
use crate::{host, journal::Entry};

/// Where a node's runtime keeps a folder for each container, below the node's root.
const CONTAINERS: &str = "var/lib/styr/runtime/containers";

/// Deletes a cluster; answers whether there was one. Tries everything, even if something fails.
pub fn delete(name: &str, state: &State) -> Result<bool> {
    let Some(locked) = state.open(name)? else {
        return Ok(false);
    };
    let record = locked.folder.join("cluster.json");
    if record.exists() {
        fs::remove_file(&record).context("could not remove the record")?;
    }
    let mut failures = Vec::new();
    let entries = journal::read_backwards(&locked.folder).context("could not read the journal")?;
    // The nodes first: what runs in them would miss what the rest takes away.
    let (nodes, rest): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .partition(|entry| matches!(entry, Entry::Node { .. }));
    for entry in nodes.iter().chain(&rest) {
        if let Err(error) = host::undo(entry, &locked.folder) {
            failures.push(format!("{error:#}"));
        }
    }
    if !failures.is_empty() {
        bail!("{}; mend the cause and delete again", failures.join("; "));
    }
    forget_containers(&locked.folder, state).context("could not release the images in use")?;
    fs::remove_dir_all(&locked.folder)
        .with_context(|| format!("could not remove {}", locked.folder.display()))?;
    state.tidy();
    Ok(true)
}

/// The runtimes of the nodes ended without a word: their containers hold no layers any more.
fn forget_containers(folder: &Path, state: &State) -> Result<()> {
    let images = state.images();
    if !images.exists() {
        return Ok(());
    }
    let mut containers = BTreeSet::new();
    for node in names(&folder.join("nodes"))? {
        let rootfs = folder.join("nodes").join(node).join("rootfs");
        containers.extend(names(&rootfs.join(CONTAINERS))?);
    }
    Store::open(&images)?.forget(&containers)
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("could not read {}", folder.display()))?,
    };
    let name =
        |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect()
}
