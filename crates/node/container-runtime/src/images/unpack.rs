//! A layer's tar stream, unpacked as overlayfs wants it: removed files are character devices 0:0,
//! replaced folders carry a mark.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use styr_oci::paths;
use tar::{Entry, EntryType};

const REMOVED: &[u8] = b".wh.";
const REPLACED: &[u8] = b".wh..wh..opq";
const EXTENDED: &str = "SCHILY.xattr.";

/// Unpacks a layer into an empty folder. Nothing is written outside of it.
pub(super) fn layer(reader: &mut impl Read, folder: &Path) -> anyhow::Result<()> {
    let root = std::fs::File::open(folder)?;
    let mut archive = tar::Archive::new(reader);
    // Times of folders change while files are put into them.
    let mut folders = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry.context("the layer is damaged")?;
        let path = entry.path()?.into_owned();
        unpack(&mut entry, &path, root.as_fd(), &mut folders)
            .with_context(|| format!("could not unpack {}", path.display()))?;
    }
    for (path, time) in folders.into_iter().rev() {
        if let Ok((parent, name)) = paths::ensure_parent(root.as_fd(), &path) {
            set_time(parent.as_fd(), name.as_os_str(), time)?;
        }
    }
    Ok(())
}

type Folders = Vec<(PathBuf, i64)>;

fn unpack(
    entry: &mut Entry<'_, impl Read>,
    path: &Path,
    root: BorrowedFd<'_>,
    folders: &mut Folders,
) -> anyhow::Result<()> {
    if path.components().any(|part| part == Component::ParentDir) {
        bail!("its name leads out of the layer");
    }
    let is_root = !path
        .components()
        .any(|part| matches!(part, Component::Normal(_)));
    if is_root {
        // The root itself: only its mode counts.
        let mode = Mode::from_raw_mode(entry.header().mode()? & 0o7777);
        return Ok(rustix::fs::chmodat(root, ".", mode, AtFlags::empty())?);
    }
    let (parent, name) = paths::ensure_parent(root, path)?;
    let name = name.into_os_string();
    if name.as_bytes() == REPLACED {
        return mark_replaced(&parent);
    }
    if let Some(removed) = name.as_bytes().strip_prefix(REMOVED) {
        let removed = OsString::from_vec(removed.to_vec());
        clear(parent.as_fd(), &removed, false)?;
        let mode = Mode::empty();
        return Ok(rustix::fs::mknodat(
            &parent,
            &removed,
            FileType::CharacterDevice,
            mode,
            0,
        )?);
    }
    let kind = entry.header().entry_type();
    clear(parent.as_fd(), &name, kind == EntryType::Directory)?;
    if !make(entry, kind, root, parent.as_fd(), &name)? {
        return Ok(());
    }
    own(entry, kind, parent.as_fd(), &name)?;
    let time = entry.header().mtime();
    let time = time.map_or(0, |time| i64::try_from(time).unwrap_or(0));
    if kind == EntryType::Directory {
        folders.push((path.to_owned(), time));
        return Ok(());
    }
    set_time(parent.as_fd(), &name, time)
}

/// Makes the file; `false` if there is nothing more to set on it.
fn make(
    entry: &mut Entry<'_, impl Read>,
    kind: EntryType,
    root: BorrowedFd<'_>,
    parent: BorrowedFd<'_>,
    name: &OsStr,
) -> anyhow::Result<bool> {
    let mode = Mode::from_raw_mode(entry.header().mode()? & 0o7777);
    match kind {
        EntryType::Directory => match rustix::fs::mkdirat(parent, name, mode) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        },
        EntryType::Symlink => {
            let target = entry.link_name()?.context("a link without a target")?;
            rustix::fs::symlinkat(&*target, parent, name)?;
        }
        EntryType::Link => {
            let target = entry.link_name()?.context("a link without a target")?;
            let (folder, target) = paths::ensure_parent(root, &target)?;
            rustix::fs::linkat(&folder, &target, parent, name, AtFlags::empty())
                .with_context(|| format!("could not link to {}", target.display()))?;
            return Ok(false);
        }
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            let file_type = match kind {
                EntryType::Char => FileType::CharacterDevice,
                EntryType::Block => FileType::BlockDevice,
                _ => FileType::Fifo,
            };
            let major = entry.header().device_major()?.unwrap_or(0);
            let minor = entry.header().device_minor()?.unwrap_or(0);
            rustix::fs::mknodat(
                parent,
                name,
                file_type,
                mode,
                rustix::fs::makedev(major, minor),
            )?;
        }
        EntryType::XGlobalHeader => return Ok(false),
        _ => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
            let file = rustix::fs::openat(parent, name, flags | OFlags::CLOEXEC, mode)?;
            let mut file = std::fs::File::from(file);
            std::io::copy(entry, &mut file)?;
        }
    }
    Ok(true)
}

/// Owner, mode and extended attributes, in the order in which the kernel keeps them.
fn own(
    entry: &mut Entry<'_, impl Read>,
    kind: EntryType,
    parent: BorrowedFd<'_>,
    name: &OsStr,
) -> anyhow::Result<()> {
    // Fields that are left empty mean 0, as for every other reader of tar.
    let number =
        |field: std::io::Result<u64>| field.map_or(0, |number| u32::try_from(number).unwrap_or(0));
    let owner = Uid::from_raw(number(entry.header().uid()));
    let group = Gid::from_raw(number(entry.header().gid()));
    let here = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::chownat(parent, name, Some(owner), Some(group), here)?;
    if kind == EntryType::Symlink {
        return Ok(());
    }
    let mode = Mode::from_raw_mode(entry.header().mode()? & 0o7777);
    rustix::fs::chmodat(parent, name, mode, AtFlags::empty())?;
    let Some(extensions) = entry.pax_extensions()? else {
        return Ok(());
    };
    for extension in extensions {
        let extension = extension?;
        let Some(key) = extension.key()?.strip_prefix(EXTENDED) else {
            continue;
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(parent, name, flags, Mode::empty())?;
        match rustix::fs::fsetxattr(&file, key, extension.value_bytes(), XattrFlags::empty()) {
            // Labels of security modules that this machine does not have.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error).with_context(|| format!("could not set {key}")),
        }
    }
    Ok(())
}

/// Removes what an earlier entry put there; folders stay if a folder comes.
fn clear(parent: BorrowedFd<'_>, name: &OsStr, folder: bool) -> anyhow::Result<()> {
    let found = match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => found,
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        return Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?);
    }
    if !folder {
        rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

fn mark_replaced(folder: &OwnedFd) -> anyhow::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(folder, ".", flags, Mode::empty())?;
    rustix::fs::fsetxattr(&folder, "trusted.overlay.opaque", b"y", XattrFlags::empty())
        .context("could not mark a replaced folder")
}

fn set_time(parent: BorrowedFd<'_>, name: &OsStr, seconds: i64) -> anyhow::Result<()> {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(rustix::fs::utimensat(
        parent,
        name,
        &times,
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}
