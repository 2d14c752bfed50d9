//! The user's kubeconfig: a cluster's entries go in beside those of others, and out again.
//!
//! Files are chosen, locked and merged as kubectl and kind do it, so that all three may work on the
//! same file.

mod lock;

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use styr_pki::Kubeconfig;

/// The lists of a kubeconfig.
const LISTS: [&str; 3] = ["clusters", "contexts", "users"];

/// The file to change: the one that is given; of several in `KUBECONFIG` the first that exists, or
/// the last; or the default.
pub fn path(given: Option<&str>) -> PathBuf {
    if let Some(given) = given {
        return given.into();
    }
    let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let files: Vec<PathBuf> = std::env::split_paths(&listed)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    let existing = files.iter().find(|path| path.exists());
    if let Some(chosen) = existing.or(files.last()) {
        return chosen.clone();
    }
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from);
    home.join(".kube/config")
}

/// Adds a cluster and makes it the current context.
pub fn add(path: &Path, entries: &Kubeconfig) -> Result<()> {
    let path = resolved(path)?;
    let _lock = lock::hold(&path)?;
    let mut file = read(&path)?;
    take_out(&mut file, &entries.name);
    let new = entries.to_value();
    for list in LISTS {
        if let (Some(into), Some(from)) = (file[list].as_array_mut(), new[list].as_array()) {
            into.extend(from.iter().cloned());
        }
    }
    file["current-context"] = new["current-context"].clone();
    write(&path, &file)
}

/// Takes a cluster out; the file stays.
pub fn remove(path: &Path, name: &str) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let path = resolved(path)?;
    let _lock = lock::hold(&path)?;
    let mut file = read(&path)?;
    if take_out(&mut file, name) {
        write(&path, &file)
    } else {
        Ok(())
    }
}

/// The file itself, should `path` be a link; its folder is made.
fn resolved(path: &Path) -> Result<PathBuf> {
    if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        fs::create_dir_all(folder)
            .with_context(|| format!("could not make {}", folder.display()))?;
    }
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::path::absolute(path).context("could not find the current folder")
        }
        found => found.with_context(|| format!("could not find {}", path.display())),
    }
}

fn take_out(file: &mut Value, name: &str) -> bool {
    let mut changed = false;
    for list in LISTS {
        if let Some(items) = file[list].as_array_mut() {
            let before = items.len();
            items.retain(|item| item["name"] != name);
            changed |= items.len() != before;
        }
    }
    if file["current-context"] == name {
        file["current-context"] = "".into();
        changed = true;
    }
    changed
}

fn read(path: &Path) -> Result<Value> {
    let empty = json!({
        "apiVersion": "v1", "kind": "Config", "preferences": {},
        "clusters": [], "contexts": [], "users": [], "current-context": "",
    });
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(empty),
        Err(error) => {
            return Err(error).with_context(|| format!("could not read {}", path.display()));
        }
    };
    if text.trim().is_empty() {
        return Ok(empty);
    }
    let damaged = || format!("{} is not a kubeconfig", path.display());
    let mut file: Value = serde_saphyr::from_str(&text).with_context(damaged)?;
    anyhow::ensure!(file.is_object(), damaged());
    for list in LISTS {
        if !file[list].is_array() {
            file[list] = json!([]);
        }
    }
    Ok(file)
}

/// Writes the file whole or not at all; whose it was, or whose folder it is, keeps it.
fn write(path: &Path, file: &Value) -> Result<()> {
    let unwritable = || format!("could not write {}", path.display());
    let text = serde_saphyr::to_string(file).with_context(unwritable)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let draft = PathBuf::from(draft);
    crate::api::write_private(&draft, &text).with_context(unwritable)?;
    let folder = path.parent().unwrap_or(path);
    let owner = fs::metadata(path).or_else(|_| fs::metadata(folder));
    let owner = owner.with_context(unwritable)?;
    chown(&draft, Some(owner.uid()), Some(owner.gid())).with_context(unwritable)?;
    fs::rename(&draft, path).with_context(unwritable)
}

#[cfg(test)]
mod tests;
