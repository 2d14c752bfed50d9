//! Paths inside a root file system that is not trusted: no symbolic link leads out of it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};

const FOLDER_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
/// Deeper than this is a loop.
const DEEPEST: usize = 255;

/// Opens a path, all of whose links are resolved inside the root.
pub fn open(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let path = if path.as_os_str().is_empty() {
        Path::new("/")
    } else {
        path
    };
    Ok(rustix::fs::openat2(
        root,
        path,
        flags,
        Mode::empty(),
        resolve,
    )?)
}

/// Opens a mount point, which is made if it is missing: a folder, or an empty file.
pub fn ensure(root: BorrowedFd<'_>, path: &Path, folder: bool) -> anyhow::Result<OwnedFd> {
    let clean = clean(path)?;
    ensure_at(root, &clean, folder, 0)
        .with_context(|| format!("could not make the mount point {}", path.display()))
}

fn ensure_at(
    root: BorrowedFd<'_>,
    path: &Path,
    folder: bool,
    depth: usize,
) -> anyhow::Result<OwnedFd> {
    match open(root, path) {
        Ok(found) => return Ok(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound && depth < DEEPEST => {}
        Err(error) => return Err(error.into()),
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        bail!("the root file system is gone");
    };
    let parent_folder = ensure_at(root, parent, true, depth + 1)?;
    if let Some(target) = dangling(parent_folder.as_fd(), name) {
        // A link to something that is not there yet: make what it means.
        let target = if target.is_absolute() {
            target
        } else {
            parent.join(target)
        };
        return ensure_at(root, &clean(&target)?, folder, depth + 1);
    }
    let made = if folder {
        rustix::fs::mkdirat(&parent_folder, name, Mode::from_raw_mode(FOLDER_MODE))
    } else {
        let mode = Mode::from_raw_mode(FILE_MODE);
        rustix::fs::mknodat(&parent_folder, name, FileType::RegularFile, mode, 0)
    };
    match made {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => {
            return Err(error).with_context(|| format!("could not make {}", path.display()));
        }
    }
    open(root, path).with_context(|| format!("could not open {}", path.display()))
}

fn dangling(folder: BorrowedFd<'_>, name: &OsStr) -> Option<PathBuf> {
    let target = rustix::fs::readlinkat(folder, name, Vec::new()).ok()?;
    use std::os::unix::ffi::OsStringExt;
    Some(PathBuf::from(std::ffi::OsString::from_vec(
        target.into_bytes(),
    )))
}

/// Without `.` and `..`, which cannot climb above the root.
fn clean(path: &Path) -> anyhow::Result<PathBuf> {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(clean)
}

/// Opens the folder that a path lies in, made if missing, and the name in it.
pub fn ensure_parent(root: BorrowedFd<'_>, path: &Path) -> anyhow::Result<(OwnedFd, PathBuf)> {
    let clean = clean(path)?;
    let name = clean
        .file_name()
        .with_context(|| format!("{} has no name", path.display()))?;
    let parent = clean.parent().unwrap_or(Path::new("/"));
    Ok((
        ensure(root, parent, true)?.as_fd().try_clone_to_owned()?,
        PathBuf::from(name),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_stay_inside_the_root() {
        let outside = tempfile::tempdir().unwrap();
        let inside = outside.path().join("root");
        std::fs::create_dir(&inside).unwrap();
        std::os::unix::fs::symlink("/../../escape", inside.join("link")).unwrap();
        let root = std::fs::File::open(&inside).unwrap();
        ensure(root.as_fd(), Path::new("/link/sub"), true).unwrap();
        ensure(root.as_fd(), Path::new("/../a/b.txt"), false).unwrap();
        assert!(inside.join("escape/sub").is_dir());
        assert!(inside.join("a/b.txt").is_file());
        assert!(!outside.path().join("escape").exists());
    }
}
