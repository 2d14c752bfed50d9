//! Parts of volumes (`subPath`), opened so that no symbolic link leads out of the volume.
//!
//! Every step below the volume is opened relative to the step before, without following links, by
//! the kernel's own rule (`RESOLVE_BENEATH`). What the container gets is a bind mount of the file
//! that was opened, so that a later exchange of a link changes nothing.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};

/// Makes what is missing of `sub_path` as directories, with the volume's own permissions.
pub(crate) fn make(volume: &Path, sub_path: &str) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    check(sub_path)?;
    let permissions = std::fs::metadata(volume)?.mode() & 0o7777;
    let mut at = open_root(volume)?;
    for part in Path::new(sub_path).components() {
        let Component::Normal(name) = part else {
            continue;
        };
        at = match open_below(&at, Path::new(name)) {
            Ok(next) => next,
            Err(error) if error == rustix::io::Errno::NOENT => {
                rustix::fs::mkdirat(&at, name, Mode::from_raw_mode(permissions))?;
                let made = open_below(&at, Path::new(name))?;
                // The process' mask does not count.
                rustix::fs::chmodat(
                    &at,
                    name,
                    Mode::from_raw_mode(permissions),
                    rustix::fs::AtFlags::empty(),
                )?;
                made
            }
            Err(error) => return Err(error.into()),
        };
    }
    Ok(())
}

/// Binds the part onto `target`, which is made; answers `target`.
pub(crate) fn bind(volume: &Path, sub_path: &str, target: &Path) -> io::Result<PathBuf> {
    check(sub_path)?;
    let root = open_root(volume)?;
    let part = open_below(&root, Path::new(sub_path))?;
    let is_directory = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&part)?.st_mode)
        == rustix::fs::FileType::Directory;
    unbind(target)?;
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    if is_directory {
        std::fs::create_dir_all(target)?;
    } else {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(target)?;
    }
    let source = format!("/proc/self/fd/{}", part.as_raw_fd());
    rustix::mount::mount_bind(source.as_str(), target)?;
    Ok(target.to_owned())
}

/// Undoes all binds of a pod below `root`.
pub(crate) fn unbind_all(root: &Path) -> io::Result<()> {
    for volume in directories(root)? {
        for container in directories(&volume)? {
            for entry in std::fs::read_dir(&container)? {
                unbind(&entry?.path())?;
            }
            std::fs::remove_dir(&container)?;
        }
        std::fs::remove_dir(&volume)?;
    }
    match std::fs::remove_dir(root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn directories(root: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(root) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn unbind(target: &Path) -> io::Result<()> {
    use rustix::mount::UnmountFlags;
    // Not mounted is as good as unmounted.
    while rustix::mount::unmount(target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).is_ok() {}
    match std::fs::symlink_metadata(target) {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir(target),
        Ok(_) => std::fs::remove_file(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn check(sub_path: &str) -> io::Result<()> {
    let path = Path::new(sub_path);
    let leads_out = path.is_absolute() || path.components().any(|c| c == Component::ParentDir);
    if leads_out {
        let text = format!("subPath {sub_path:?} must be a relative path without '..'");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(())
}

fn open_root(volume: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(
        volume,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

fn open_below(root: &OwnedFd, path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, path, flags, Mode::empty(), resolve)
}
