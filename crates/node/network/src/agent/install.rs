//! Puts the plugin and its configuration where the container runtime looks for them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

const PLUGIN: &str = "styr";
/// Runtimes other than ours call it for every pod.
const LOOPBACK: &str = "loopback";
const CONFIGURATION: &str = "10-styr.conflist";
const COMPARE_BYTES: usize = 64 * 1024;

/// Installs this program as the plugin, by a hard link where that is possible.
pub(super) fn program(own: &Path, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("could not make folder {}", folder.display()))?;
    let target = folder.join(PLUGIN);
    let loopback = folder.join(LOOPBACK);
    if !is_same(own, &target) {
        let is_ours = is_one_file(&target, &loopback);
        replace(own, &target)
            .with_context(|| format!("could not install the plugin {}", target.display()))?;
        if is_ours {
            fs::remove_file(&loopback)
                .with_context(|| format!("could not replace {}", loopback.display()))?;
        }
    }
    match fs::hard_link(&target, &loopback) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("could not install {}", loopback.display()))
        }
        _ => Ok(()),
    }
}

/// Whether two names lead to one file, which we then made.
fn is_one_file(one: &Path, other: &Path) -> bool {
    let number = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    number(one).is_ok_and(|first| number(other).is_ok_and(|second| first == second))
}

fn replace(own: &Path, target: &Path) -> io::Result<()> {
    const EXECUTABLE: u32 = 0o755;
    let new = target.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if fs::hard_link(own, &new).is_err() {
        fs::copy(own, &new)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(EXECUTABLE))?;
    }
    fs::rename(new, target)
}

/// Whether two files have the same content; what cannot be read is another.
fn is_same(one: &Path, other: &Path) -> bool {
    let same = || -> io::Result<bool> {
        let (mut one, mut other) = (File::open(one)?, File::open(other)?);
        if one.metadata()?.len() != other.metadata()?.len() {
            return Ok(false);
        }
        let (mut left, mut right) = (vec![0; COMPARE_BYTES], vec![0; COMPARE_BYTES]);
        loop {
            let count = one.read(&mut left)?;
            if count == 0 {
                return Ok(true);
            }
            other.read_exact(&mut right[..count])?;
            if left[..count] != right[..count] {
                return Ok(false);
            }
        }
    };
    same().unwrap_or(false)
}

/// Writes the network's configuration, if it is another than there is.
pub(super) fn configuration(folder: &Path, pod_cidr: &str, mtu: u32) -> anyhow::Result<()> {
    let content = json!({
        "cniVersion": "1.1.0",
        "name": "styr",
        "plugins": [{
            "type": PLUGIN,
            "podCidr": pod_cidr,
            "mtu": mtu,
            "capabilities": { "portMappings": true },
        }],
    });
    let mut text = serde_json::to_vec_pretty(&content).expect("plain JSON");
    text.push(b'\n');
    let target = folder.join(CONFIGURATION);
    if fs::read(&target).is_ok_and(|present| present == text) {
        return Ok(());
    }
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        // Runtimes read what ends in .conflist, so the unfinished file must not.
        let new = folder.join("10-styr.new");
        fs::write(&new, &text)?;
        fs::rename(new, &target)
    };
    write().with_context(|| format!("could not write {}", target.display()))
}
