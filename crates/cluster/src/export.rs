//! What a user takes out of a cluster: its kubeconfig, and the logs of nodes and pods.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};
use styr_container_runtime::images::Store;
use styr_pki::Kubeconfig;

use crate::journal::{Entry, Journal};
use crate::kubeconfig;
use crate::state::{Record, State, write_whole};

/// Logs of a node's own processes, beside its root.
const NODE_FILES: [(&str, &str); 3] = [
    ("init.log", "init.log"),
    ("node.log", "node.log"),
    ("sandbox.json", "inspect.json"),
];
/// Where a node keeps its logs.
const LOGS: &str = "var/log";
/// Links from links from links lead nowhere.
const LINKS_MAX: usize = 8;

/// Adds the cluster to a kubeconfig; deleting the cluster takes it out again.
pub fn kubeconfig(state: &State, name: &str, path: &Path) -> Result<()> {
    let folder = state.cluster(name);
    let kept = folder.join("kubeconfig");
    let text =
        fs::read_to_string(&kept).with_context(|| format!("could not read {}", kept.display()))?;
    let entries = Kubeconfig::parse(&text, Path::new("/"))?;
    let path = std::path::absolute(path).context("could not find the current folder")?;
    let entry = Entry::Kubeconfig {
        path: path.clone(),
        context: entries.name.clone(),
    };
    let written = Journal::open(&folder).and_then(|mut journal| journal.write(&entry));
    written.context("could not note which kubeconfig the cluster is in")?;
    kubeconfig::add(&path, &entries)
}

/// Copies logs into `folder`, with one folder per node, as kind lays them out.
pub fn logs(state: &State, record: &Record, folder: &Path) -> Result<()> {
    make(folder)?;
    let version = format!("styr v{}\n", env!("CARGO_PKG_VERSION"));
    write(&folder.join("styr-version.txt"), version.as_bytes())?;
    let images = images(state)?;
    for node in &record.nodes {
        let from = state.cluster(&record.name).join("nodes").join(&node.name);
        let to = folder.join(&node.name);
        make(&to)?;
        for (name, new_name) in NODE_FILES {
            copy_file(&from.join(name), &to.join(new_name))?;
        }
        write(&to.join("images.log"), images.as_bytes())?;
        let root = from.join("rootfs");
        copy_folder(&root, &root.join(LOGS), &to)?;
    }
    Ok(())
}

fn images(state: &State) -> Result<String> {
    let mut lines: Vec<String> = Vec::new();
    for image in Store::open(&state.images())?.list()? {
        lines.push(format!(
            "{}\t{}\t{}\n",
            image.tags.join(","),
            image.id,
            image.size
        ));
    }
    lines.sort();
    Ok(lines.concat())
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole(path, bytes).with_context(|| format!("could not write {}", path.display()))
}

/// Copies files and folders; links are followed within the node's `root`.
fn copy_folder(root: &Path, from: &Path, to: &Path) -> Result<()> {
    make(to)?;
    let entries = match fs::read_dir(from) {
        // A pod may go while its logs are copied.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("could not read {}", from.display()))?,
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("could not read {}", from.display()))?;
        let target = to.join(entry.file_name());
        let kind = entry
            .file_type()
            .context("could not tell files from folders")?;
        if kind.is_dir() {
            copy_folder(root, &entry.path(), &target)?;
        } else if kind.is_symlink() {
            if let Some(file) = followed(root, &entry.path()) {
                copy_file(&file, &target)?;
            }
        } else if kind.is_file() {
            copy_file(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// The file that a link of a node leads to, as the host sees it. Never one outside of the node.
fn followed(root: &Path, link: &Path) -> Option<PathBuf> {
    let mut path = link.to_owned();
    for _ in 0..LINKS_MAX {
        let metadata = fs::symlink_metadata(&path).ok()?;
        if metadata.is_file() {
            return Some(path);
        }
        if !metadata.is_symlink() {
            return None;
        }
        let target = fs::read_link(&path).ok()?;
        if target.components().any(|part| part == Component::ParentDir) {
            return None;
        }
        path = match target.strip_prefix("/") {
            Ok(within) => root.join(within),
            Err(_) => path.parent()?.join(target),
        };
    }
    None
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    match fs::copy(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !from.exists() => Ok(()),
        copied => copied
            .map(drop)
            .with_context(|| format!("could not copy {} to {}", from.display(), to.display())),
    }
}

#[cfg(test)]
mod tests;
