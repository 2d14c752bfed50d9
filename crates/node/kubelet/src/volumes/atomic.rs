//! Writes a set of files so that a reader sees all of the old or all of the new ones.
//!
//! Contents are in a directory of their own (`..2026_01_02...`), `..data` is a link to it that is
//! replaced by a rename, and each name a user sees is a link into `..data`. Upstream's layout.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;

const DATA: &str = "..data";
const DATA_NEW: &str = "..data_tmp";

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: u32,
    /// Its owner, if not root.
    pub(crate) user: Option<u32>,
}

/// Files by path, relative to the volume.
pub(crate) type Payload = BTreeMap<String, Content>;

/// Writes `payload` into `volume`, unless that is what is there. `finish` sees the new directory
/// before any reader does. Answers whether something was written.
pub(crate) fn write(
    volume: &Path,
    payload: &Payload,
    now: Timestamp,
    finish: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<bool> {
    for path in payload.keys() {
        check(path)?;
    }
    let old = fs::read_link(volume.join(DATA)).ok();
    if let Some(old) = &old
        && is_same(&volume.join(old), payload)?
    {
        return Ok(false);
    }
    let new = fresh(volume, now)?;
    fs::create_dir(volume.join(&new))?;
    fs::set_permissions(volume.join(&new), fs::Permissions::from_mode(0o755))?;
    for (path, content) in payload {
        write_file(&volume.join(&new).join(path), content)?;
    }
    finish(&volume.join(&new))?;
    match fs::remove_file(volume.join(DATA_NEW)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(&new, volume.join(DATA_NEW))?;
    fs::rename(volume.join(DATA_NEW), volume.join(DATA))?;
    link_names(volume, payload)?;
    if let Some(old) = old {
        fs::remove_dir_all(volume.join(old))?;
    }
    Ok(true)
}

fn check(path: &str) -> io::Result<()> {
    let invalid = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    if path.is_empty() || Path::new(path).is_absolute() {
        return invalid(format!("invalid path: must be relative path: {path}"));
    }
    if Path::new(path)
        .components()
        .any(|part| part == Component::ParentDir)
    {
        return invalid(format!("invalid path: must not contain '..': {path}"));
    }
    if path.starts_with("..") {
        return invalid(format!("invalid path: must not start with '..': {path}"));
    }
    Ok(())
}

fn fresh(volume: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let stamp = now.strftime("..%Y_%m_%d_%H_%M_%S").to_string();
    // Upstream adds a random number; any free one will do.
    for number in now.subsec_nanosecond().unsigned_abs().. {
        let name = PathBuf::from(format!("{stamp}.{number}"));
        if !fs::exists(volume.join(&name))? {
            return Ok(name);
        }
    }
    Err(io::Error::other("no free name is left"))
}

fn write_file(path: &Path, content: &Content) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, &content.bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(content.mode))?;
    if let Some(user) = content.user {
        std::os::unix::fs::chown(path, Some(user), None)?;
    }
    Ok(())
}

fn is_same(directory: &Path, payload: &Payload) -> io::Result<bool> {
    for (path, content) in payload {
        let path = directory.join(path);
        match fs::read(&path) {
            Ok(bytes) if bytes == content.bytes => {}
            _ => return Ok(false),
        }
        let metadata = fs::metadata(&path)?;
        // Group bits may have been added for a shared group.
        if metadata.mode() & 0o7707 & !content.mode != 0 {
            return Ok(false);
        }
    }
    let mut found = BTreeSet::new();
    files(directory, directory, &mut found)?;
    Ok(found.len() == payload.len())
}

fn files(root: &Path, directory: &Path, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if fs::symlink_metadata(&path)?.is_dir() {
            files(root, &path, found)?;
        } else {
            found.insert(path.strip_prefix(root).unwrap_or(&path).to_owned());
        }
    }
    Ok(())
}

/// Makes the links that users see, and removes those that nothing is behind any more.
fn link_names(volume: &Path, payload: &Payload) -> io::Result<()> {
    let first = |path: &String| path.split('/').next().unwrap_or_default().to_owned();
    let wanted: BTreeSet<String> = payload.keys().map(first).collect();
    for entry in fs::read_dir(volume)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && !wanted.contains(&name) {
            fs::remove_file(volume.join(name))?;
        }
    }
    for name in wanted {
        let path = volume.join(&name);
        if fs::symlink_metadata(&path).is_err() {
            symlink(Path::new(DATA).join(&name), path)?;
        }
    }
    Ok(())
}
