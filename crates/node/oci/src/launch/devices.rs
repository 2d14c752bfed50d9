//! Devices that every container has, and those that its configuration adds.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{FileType, Gid, Mode, Uid};
use styr_kernel::mounts;

use crate::paths;
use crate::spec::Device;

static DEFAULT: &[(&str, i64, i64)] = &[
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

static LINKS: &[(&str, &str)] = &[
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// Makes them, in a `/dev` that belongs to the container.
pub(super) fn make(root: BorrowedFd<'_>, devices: &[Device]) -> anyhow::Result<()> {
    for (path, major, minor) in DEFAULT {
        let path = PathBuf::from(path);
        if devices.iter().any(|device| device.path == path) {
            continue;
        }
        let kind = "c".to_owned();
        let file_mode = Some(0o666);
        let (major, minor) = (*major, *minor);
        make_one(
            root,
            &Device {
                path,
                kind,
                major,
                minor,
                file_mode,
                ..Device::default()
            },
        )?;
    }
    for device in devices {
        make_one(root, device)?;
    }
    for (path, target) in LINKS {
        let (folder, name) = paths::ensure_parent(root, Path::new(path))?;
        match rustix::fs::symlinkat(*target, &folder, &name) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error).with_context(|| format!("could not make {path}")),
        }
    }
    Ok(())
}

fn make_one(root: BorrowedFd<'_>, device: &Device) -> anyhow::Result<()> {
    let kind = match device.kind.as_str() {
        "c" | "u" => FileType::CharacterDevice,
        "b" => FileType::BlockDevice,
        "p" => FileType::Fifo,
        other => bail!("devices of type {other:?} are not implemented"),
    };
    let (folder, name) = paths::ensure_parent(root, &device.path)?;
    let number = |number: i64| u32::try_from(number).unwrap_or(0);
    let id = rustix::fs::makedev(number(device.major), number(device.minor));
    let mode = Mode::from_raw_mode(device.file_mode.unwrap_or(0o666) & 0o7777);
    match rustix::fs::mknodat(&folder, &name, kind, mode, id) {
        Ok(()) => {}
        Err(rustix::io::Errno::EXIST) => return Ok(()),
        // Without the right to make devices the machine's own one does.
        Err(rustix::io::Errno::PERM) => return bind(root, &device.path),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("could not make the device {}", device.path.display()));
        }
    }
    let (owner, group) = (device.uid.unwrap_or(0), device.gid.unwrap_or(0));
    let flags = rustix::fs::AtFlags::empty();
    rustix::fs::chmodat(&folder, &name, mode, flags)?;
    if (owner, group) != (0, 0) {
        let (owner, group) = (Uid::from_raw(owner), Gid::from_raw(group));
        rustix::fs::chownat(&folder, &name, Some(owner), Some(group), flags)?;
    }
    Ok(())
}

fn bind(root: BorrowedFd<'_>, path: &Path) -> anyhow::Result<()> {
    let target = paths::ensure(root, path, false)?;
    let tree = mounts::copy(path, false)
        .with_context(|| format!("could not copy the device {}", path.display()))?;
    mounts::attach(tree.as_fd(), target.as_fd())
        .with_context(|| format!("could not mount the device {}", path.display()))
}
