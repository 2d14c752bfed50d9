//! Where upstream's own programs and the images are.

use std::path::PathBuf;

use anyhow::{Result, bail};

/// Upstream's own programs that a run needs.
#[derive(Debug)]
pub(crate) struct Oracle {
    pub(crate) suite: PathBuf,
    pub(crate) kubectl: PathBuf,
}

impl Oracle {
    /// Looks in `$ORACLE_DIR`, else in the user's cache.
    pub(crate) fn find() -> Result<Self> {
        let folder = folder();
        let found = Self {
            suite: folder.join("e2e.test"),
            kubectl: folder.join("kubectl"),
        };
        for program in [&found.suite, &found.kubectl] {
            if !program.exists() {
                bail!(
                    "{} is missing: build upstream's e2e.test and kubectl 1.37 into a folder \
                     `bin`, and name the folder above it in ORACLE_DIR",
                    program.display()
                );
            }
        }
        Ok(found)
    }
}

/// Where the programs are, if they are built.
pub(crate) fn folder() -> PathBuf {
    std::env::var_os("ORACLE_DIR")
        .map_or_else(|| cache().join("k8s-oracle"), PathBuf::from)
        .join("bin")
}

/// Where image archives lie unless the user says otherwise.
pub(crate) fn images() -> PathBuf {
    cache().join("k8s-images")
}

fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from)
}
