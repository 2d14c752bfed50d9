//! What is known of pods and containers, kept on disk so that a restart finds it.
//!
//! Each has a folder: `config.pb` is what kubelet gave (in the contract's own encoding), `meta.json`
//! what was made of it. The second is written last and whole: a folder without it was never made.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use prost::Message;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) const CONFIG_FILE: &str = "config.pb";
pub(crate) const META_FILE: &str = "meta.json";

/// A pod.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct PodMeta {
    pub(crate) id: String,
    pub(crate) created_at: i64,
    pub(crate) runtime_handler: String,
    /// `None` is the machine's own network.
    pub(crate) network: Option<PathBuf>,
    pub(crate) addresses: Vec<String>,
    /// As CNI answered, for DEL.
    pub(crate) network_result: Option<serde_json::Value>,
    pub(crate) cgroup: String,
    pub(crate) stopped: bool,
}

/// A container.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ContainerMeta {
    pub(crate) id: String,
    pub(crate) pod: String,
    pub(crate) created_at: i64,
    pub(crate) image_id: String,
    /// With digest, if one is known.
    pub(crate) image_ref: String,
    pub(crate) log_path: String,
    pub(crate) cgroup: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) stop_signal: String,
    /// Why it could not be started.
    pub(crate) start_error: Option<(i64, String)>,
}

/// Writes a file whole.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let temporary = folder.join(format!(".{name}"));
    fs::write(&temporary, bytes)
        .with_context(|| format!("could not write {}", temporary.display()))?;
    fs::rename(&temporary, folder.join(name))
        .with_context(|| format!("could not write {name} in {}", folder.display()))
}

/// Writes a description.
pub(crate) fn write_meta(folder: &Path, meta: &impl Serialize) -> anyhow::Result<()> {
    write(folder, META_FILE, &serde_json::to_vec(meta)?)
}

/// Reads a description; `None` if it is not there.
pub(crate) fn read_json<T: DeserializeOwned>(
    folder: &Path,
    name: &str,
) -> anyhow::Result<Option<T>> {
    let path = folder.join(name);
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .with_context(|| format!("could not understand {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}

/// Reads what kubelet gave.
pub(crate) fn read_config<T: Message + Default>(folder: &Path) -> anyhow::Result<T> {
    let path = folder.join(CONFIG_FILE);
    let bytes = fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
    T::decode(bytes.as_slice()).with_context(|| format!("could not understand {}", path.display()))
}
