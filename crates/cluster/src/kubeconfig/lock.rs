//! kubectl's own lock: a file beside the kubeconfig, which exists while somebody changes it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::thread::{Timespec, nanosleep};

/// Nothing tells when the file goes away, so it is asked for in these steps, so often.
const STEP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};
const STEPS_MAX: usize = 150;

/// The lock of one kubeconfig; given back when dropped.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
}

/// Waits for the lock of the kubeconfig at `path`.
pub(super) fn hold(path: &Path) -> Result<Lock> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let path = PathBuf::from(name);
    for _ in 0..STEPS_MAX {
        match File::create_new(&path) {
            Ok(_) => return Ok(Lock { path }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // A signal may end it early; then it is asked once more.
                let _ = nanosleep(&STEP);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("could not make {}", path.display()));
            }
        }
    }
    bail!(
        "{} exists: another program changes the kubeconfig; if none does, remove that file",
        path.display()
    )
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "could not give back a lock");
        }
    }
}
