//! The real components, to compare with.
//!
//! A test that needs one is skipped with a word where they are not built, and fails there if
//! `STYR_REQUIRE_ORACLE=1` says that they have to be.

use std::env;
use std::path::{Path, PathBuf};

/// The real program of this name, if it is built. Call it in a test only: it panics if the program
/// is required and missing.
pub fn binary(name: &str) -> Option<PathBuf> {
    let found = folder().and_then(|folder| find(&folder, name));
    if found.is_none() {
        let required = env::var_os("STYR_REQUIRE_ORACLE").is_some_and(|value| value == "1");
        assert!(!required, "the oracle's {name} is required and not built");
        report(name);
    }
    found
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn report(name: &str) {
    eprintln!("skipped: no oracle ({name})");
}

/// `$ORACLE_DIR`, or the place where the oracle's build puts it.
fn folder() -> Option<PathBuf> {
    env::var_os("ORACLE_DIR")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache/k8s-oracle")))
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    Some(folder.join("bin").join(name)).filter(|path| path.is_file())
}

#[cfg(test)]
mod tests;
