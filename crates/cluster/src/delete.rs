//! Deletes a cluster: walks its journal backwards, then removes its folder.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::journal;
use crate::state::State;
use crate::{host, journal::Entry};

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
    // Links go with the nodes' network namespaces; what is left of them is the bridge.
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
    fs::remove_dir_all(&locked.folder)
        .with_context(|| format!("could not remove {}", locked.folder.display()))?;
    state.tidy();
    Ok(true)
}
