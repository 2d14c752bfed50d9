//! What a pod tells a program: by its environment, and by files of a secret.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

/// A token is a line, not a file of any length.
const TOKEN_BYTES_MAX: u64 = 4096;

/// Who answers, as shown to users: which of several pods, and of which version.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Of the image.
    pub version: String,
    /// Name of the pod.
    pub pod: String,
    /// The node that it runs on.
    pub node: String,
}

impl Identity {
    /// As the image and the pod's template say.
    pub fn from_environment() -> Self {
        let or_unknown = |name| std::env::var(name).unwrap_or_else(|_| "unknown".into());
        Self {
            version: or_unknown("NOTES_VERSION"),
            pod: or_unknown("POD_NAME"),
            node: or_unknown("NODE_NAME"),
        }
    }
}

/// A variable of the environment, or what holds without it.
pub fn variable(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// The file of a secret that whoever writes has to know.
#[derive(Debug, Clone)]
pub struct Token {
    file: PathBuf,
}

impl Token {
    /// In a file, which need not be there yet.
    pub fn in_file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// The token as it is now: a secret that changes reaches the file of a running pod.
    pub fn read(&self) -> Result<String> {
        read_line(&self.file).with_context(|| format!("could not read {}", self.file.display()))
    }
}

fn read_line(path: &Path) -> Result<String> {
    if std::fs::metadata(path)?.len() > TOKEN_BYTES_MAX {
        bail!("it is longer than {TOKEN_BYTES_MAX} bytes");
    }
    let text = std::fs::read_to_string(path)?;
    let line = text.trim();
    if line.is_empty() {
        bail!("it is empty");
    }
    Ok(line.to_owned())
}

/// Over when this process is told to end, by the kubelet or by a user's interrupt.
pub fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
