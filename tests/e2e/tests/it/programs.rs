//! The programs under test: static, because an image of ours holds nothing else.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where the programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) styr: PathBuf,
    pub(crate) notes_api: PathBuf,
    pub(crate) notes_web: PathBuf,
}

pub(crate) fn workspace() -> &'static Path {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    folder.expect("this crate lies two folders below the workspace")
}

/// Builds what is not given, once for all tests.
pub(crate) fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let given = std::env::var_os("STYR_BIN").map(PathBuf::from);
        let folder = build(if given.is_some() {
            &["notes"]
        } else {
            &["styr", "notes"]
        });
        Programs {
            styr: given.unwrap_or_else(|| folder.join("styr")),
            notes_api: folder.join("notes-api"),
            notes_web: folder.join("notes-web"),
        }
    })
}

/// Builds packages statically; answers the folder of their programs.
///
/// Not in release mode: that takes minutes longer, and what is tested here is the same. A target is
/// named because only then do the flags leave procedural macros alone, which cannot be static.
fn build(packages: &[&str]) -> PathBuf {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let flags = format!("target.{triple}.rustflags=[\"-Ctarget-feature=+crt-static\"]");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--target", &triple, "--config", &flags])
        // Nobody reads backtraces of it, and it links in half the time.
        .args(["--config", "profile.dev.debug=0"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .current_dir(workspace())
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "could not build {packages:?}");
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), PathBuf::from);
    workspace().join(target).join(triple).join("debug")
}
