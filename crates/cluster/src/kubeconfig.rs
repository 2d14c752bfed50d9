//! The user's kubeconfig: a cluster's entries go in beside those of others, and out again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use styr_pki::Kubeconfig;

/// The lists of a kubeconfig.
const LISTS: [&str; 3] = ["clusters", "contexts", "users"];

/// The file that `kubectl` writes to: `--kubeconfig`, the first of `KUBECONFIG`, or the default.
pub fn path(given: Option<&str>) -> PathBuf {
    if let Some(given) = given {
        return given.into();
    }
    let listed = std::env::var("KUBECONFIG").unwrap_or_default();
    if let Some(first) = listed.split(':').find(|path| !path.is_empty()) {
        return first.into();
    }
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from);
    home.join(".kube/config")
}

/// Adds a cluster and makes it the current context.
pub fn add(path: &Path, entries: &Kubeconfig) -> Result<()> {
    let mut file = read(path)?;
    take_out(&mut file, &entries.name);
    let new = entries.to_value();
    for list in LISTS {
        if let (Some(into), Some(from)) = (file[list].as_array_mut(), new[list].as_array()) {
            into.extend(from.iter().cloned());
        }
    }
    file["current-context"] = new["current-context"].clone();
    write(path, &file)
}

/// Takes a cluster out; the file stays.
pub(crate) fn remove(path: &Path, name: &str) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let mut file = read(path)?;
    if take_out(&mut file, name) {
        write(path, &file)
    } else {
        Ok(())
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
    let mut file: Value = serde_saphyr::from_str(&text)
        .map_err(|error| anyhow::anyhow!("{} is no kubeconfig: {error}", path.display()))?;
    for list in LISTS {
        if !file[list].is_array() {
            file[list] = json!([]);
        }
    }
    Ok(file)
}

fn write(path: &Path, file: &Value) -> Result<()> {
    let unwritable = || format!("could not write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(unwritable)?;
    }
    let text = serde_json::to_string_pretty(file).with_context(unwritable)?;
    let draft = path.with_extension("draft");
    crate::api::write_private(&draft, &text)?;
    fs::rename(&draft, path).with_context(unwritable)
}

#[cfg(test)]
mod tests;
