//! An image out of programs of this machine, so that no registry is needed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use sha2::{Digest as _, Sha256};

pub(crate) const NAME: &str = "example.com/node-test:1";

/// What the image's entry point and its user need.
const PROGRAMS: [&str; 3] = ["/bin/sh", "/bin/sleep", "/bin/touch"];

/// Writes the image as `docker save` does, with one layer. Without a command it only waits.
pub(crate) fn write(path: &Path) {
    let layer = layer();
    let mut digest = String::new();
    for byte in Sha256::digest(&layer) {
        write!(digest, "{byte:02x}").unwrap();
    }
    let config = json!({
        "architecture": if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" },
        "os": "linux",
        "config": { "Entrypoint": ["/bin/sleep", "infinity"], "Env": ["PATH=/bin"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
    });
    let manifest =
        json!([{ "Config": "config.json", "RepoTags": [NAME], "Layers": ["layer.tar"] }]);
    let mut archive = tar::Builder::new(File::create(path).unwrap());
    append(
        &mut archive,
        "config.json",
        config.to_string().as_bytes(),
        0o644,
    );
    append(
        &mut archive,
        "manifest.json",
        manifest.to_string().as_bytes(),
        0o644,
    );
    append(&mut archive, "layer.tar", &layer, 0o644);
    archive.finish().unwrap();
}

fn layer() -> Vec<u8> {
    let mut layer = tar::Builder::new(Vec::new());
    for file in files() {
        let name = file.strip_prefix("/").unwrap();
        append(
            &mut layer,
            name.to_str().unwrap(),
            &fs::read(&file).unwrap(),
            0o755,
        );
    }
    layer.into_inner().unwrap()
}

/// The programs and what the loader wants to read for them.
fn files() -> BTreeSet<PathBuf> {
    let mut files: BTreeSet<PathBuf> = PROGRAMS.iter().map(PathBuf::from).collect();
    let listed = Command::new("ldd").args(PROGRAMS).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let words = listed.split_whitespace();
    let libraries = words.filter(|word| word.starts_with('/') && !word.ends_with(':'));
    files.extend(libraries.map(PathBuf::from));
    files
}

fn append<W: std::io::Write>(archive: &mut tar::Builder<W>, name: &str, bytes: &[u8], mode: u32) {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    archive.append_data(&mut header, name, bytes).unwrap();
}
