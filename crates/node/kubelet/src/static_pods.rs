//! Pods out of a directory of manifests, found again whenever the directory changes.
//!
//! A file that cannot be read is reported and skipped; the pods of the others run all the same.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Pod, Toleration};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use sha2::{Digest as _, Sha256};
use tokio::io::unix::AsyncFd;

use crate::logs::follow::{changed, register};
use crate::{defaults, pod};

#[cfg(test)]
mod tests;

/// A uid is as long as upstream's hash.
const UID_BYTES: usize = 16;

/// A directory of manifests.
#[derive(Debug)]
pub(crate) struct Source {
    directory: PathBuf,
    node: String,
    watch: Option<AsyncFd<OwnedFd>>,
}

impl Source {
    pub(crate) fn new(directory: PathBuf, node: &str) -> Self {
        Self {
            directory,
            node: node.to_owned(),
            watch: None,
        }
    }

    /// Reads all manifests; begins to watch first, so that no change is missed.
    pub(crate) fn read(&mut self) -> Vec<Pod> {
        if self.watch.is_none() {
            match watch(&self.directory) {
                Ok(watch) => self.watch = Some(watch),
                Err(error) => {
                    let path = self.directory.display();
                    tracing::warn!(%path, %error, "could not watch the directory of static pods");
                }
            }
        }
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_file() && !is_hidden(path))
            .collect();
        files.sort();
        let pods = files.iter().filter_map(|path| match read(path, &self.node) {
            Ok(pod) => pod,
            Err(error) => {
                tracing::error!(path = %path.display(), error = %format_args!("{error:#}"), "could not read a static pod");
                None
            }
        });
        pods.collect()
    }

    /// Waits for a change. Without a directory to watch, never ends.
    pub(crate) async fn changed(&self) {
        match &self.watch {
            Some(watch) => {
                if let Err(error) = changed(watch).await {
                    tracing::warn!(%error, "lost the watch of static pods");
                    std::future::pending::<()>().await;
                }
            }
            None => std::future::pending().await,
        }
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn watch(directory: &Path) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    let flags = WatchFlags::CLOSE_WRITE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::CREATE;
    inotify::add_watch(&fd, directory, flags)?;
    register(fd)
}

/// `None` for an empty file: somebody is about to write it.
fn read(path: &Path, node: &str) -> anyhow::Result<Option<Pod>> {
    let text = std::fs::read_to_string(path)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    parse(&text, path, node).map(Some)
}

/// Reads a manifest and makes it a pod of this node.
pub(crate) fn parse(text: &str, path: &Path, node: &str) -> anyhow::Result<Pod> {
    let tree: serde_json::Value = serde_saphyr::from_str(text)?;
    anyhow::ensure!(
        tree["kind"] == "Pod" && tree["apiVersion"] == "v1",
        "not a pod of v1"
    );
    let mut pod: Pod = serde_json::from_value(tree.clone())?;
    anyhow::ensure!(
        !pod::name(&pod).is_empty(),
        "invalid pod: name is needed for the pod"
    );
    defaults::apply(&mut pod);
    let hash = {
        let mut hasher = Sha256::new();
        hasher.update(tree.to_string());
        hasher.update(format!("host:{node}file:{}", path.display()));
        hasher.finalize()
    };
    let uid: String = hash[..UID_BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let metadata = &mut pod.metadata;
    let uid = metadata.uid.get_or_insert(uid).clone();
    let name = metadata.name.take().unwrap_or_default();
    metadata.name = Some(format!("{name}-{}", node.to_lowercase()));
    metadata.namespace.get_or_insert_with(|| "default".into());
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(pod::HASH_ANNOTATION.into(), uid);
    annotations.insert(pod::SOURCE_ANNOTATION.into(), "file".into());
    let spec = pod.spec.get_or_insert_default();
    spec.node_name = Some(node.to_owned());
    let tolerations = spec.tolerations.get_or_insert_default();
    tolerations.push(Toleration {
        operator: Some("Exists".into()),
        effect: Some("NoExecute".into()),
        ..Toleration::default()
    });
    pod.status = None;
    Ok(pod)
}
