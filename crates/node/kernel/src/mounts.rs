//! Mounts: the mount API of the kernel, and the table of what is mounted.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags,
};

pub mod table;

pub use table::{MountInfo, list};

/// Flags of one mount, changed by [`set_attributes`]. Numbers are the kernel's `MOUNT_ATTR_*`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    pub set: u64,
    pub clear: u64,
}

pub const READ_ONLY: u64 = 0x1;
pub const NO_SUID: u64 = 0x2;
pub const NO_DEV: u64 = 0x4;
pub const NO_EXEC: u64 = 0x8;
/// All bits that say how access times are kept.
pub const ACCESS_TIME: u64 = 0x70;
pub const NO_ACCESS_TIME: u64 = 0x10;
pub const STRICT_ACCESS_TIME: u64 = 0x20;
pub const NO_DIR_ACCESS_TIME: u64 = 0x80;
pub const NO_SYMLINK_FOLLOW: u64 = 0x20_0000;

/// How mounts and unmounts travel to copies of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    Private,
    Slave,
    Shared,
    Unbindable,
}

/// Changes flags of a mount, or of all below it.
#[expect(unsafe_code, reason = "mount_setattr has no safe wrapper")]
pub fn set_attributes(
    mount: BorrowedFd<'_>,
    attributes: Attributes,
    recursive: bool,
) -> io::Result<()> {
    #[repr(C)]
    struct Raw {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let Attributes { set, mut clear } = attributes;
    if set & ACCESS_TIME != 0 {
        clear |= ACCESS_TIME; // the kernel wants these replaced as a whole
    }
    let raw = Raw {
        set,
        clear,
        propagation: 0,
        user_namespace: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the descriptor is open, the path an empty string, the structure the kernel's layout.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const raw,
            size_of::<Raw>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A detached copy of what is mounted at `path`; with `recursive` also of all below it. It belongs
/// to nobody's tree until it is put somewhere with [`attach`].
pub fn copy(path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    copy_at(CWD, path, recursive)
}

/// As [`copy`], from a descriptor.
pub fn copy_of(file: BorrowedFd<'_>, recursive: bool) -> io::Result<OwnedFd> {
    copy_at(file, Path::new(""), recursive)
}

fn copy_at(folder: BorrowedFd<'_>, path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if path.as_os_str().is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(rustix::mount::open_tree(folder, path, flags)?)
}

/// Mounts a detached mount onto an open file or folder.
pub fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(rustix::mount::move_mount(mount, "", target, "", flags)?)
}

/// Opens a mount point without following a symbolic link at its end.
pub fn open_point(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Makes a new file system, detached. `options` are `key` or `key=value`.
pub fn create<'a>(
    kind: &str,
    source: Option<&str>,
    options: impl IntoIterator<Item = &'a str>,
) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    if let Some(source) = source {
        rustix::mount::fsconfig_set_string(&context, "source", source)
            .map_err(|error| explain(&context, error))?;
    }
    for option in options {
        let set = match option.split_once('=') {
            Some((key, value)) => rustix::mount::fsconfig_set_string(&context, key, value),
            None => rustix::mount::fsconfig_set_flag(&context, option),
        };
        set.map_err(|error| explain(&context, error))?;
    }
    finish(&context)
}

fn finish(context: &OwnedFd) -> io::Result<OwnedFd> {
    rustix::mount::fsconfig_create(context).map_err(|error| explain(context, error))?;
    let flags = FsMountFlags::FSMOUNT_CLOEXEC;
    Ok(rustix::mount::fsmount(
        context,
        flags,
        MountAttrFlags::empty(),
    )?)
}

/// The kernel says more in the context's own log than by the number.
fn explain(context: &OwnedFd, error: rustix::io::Errno) -> io::Error {
    let mut text = [0_u8; 512];
    match rustix::io::read(context, &mut text) {
        Ok(length) if length > 2 => {
            let said = String::from_utf8_lossy(&text[2..length]).trim().to_owned();
            io::Error::new(io::Error::from(error).kind(), format!("{said} ({error})"))
        }
        _ => error.into(),
    }
}

/// An overlay of read-only `lower` layers (the topmost first) and a writable one, detached.
pub fn overlay(lower: &[PathBuf], upper: &Path, work: &Path) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    // Values are at most 255 bytes long, so folders are named by their descriptors.
    let mut held = Vec::new();
    let mut set = |key: &str, path: &Path| -> io::Result<()> {
        let folder = open_point(path).map_err(|error| named(path, &error))?;
        let name = format!("/proc/self/fd/{}", folder.as_raw_fd());
        held.push(folder);
        rustix::mount::fsconfig_set_string(&context, key, name.as_str())
            .map_err(|error| named(path, &explain(&context, error)))
    };
    for layer in lower {
        set("lowerdir+", layer)?;
    }
    set("upperdir", upper)?;
    set("workdir", work)?;
    rustix::mount::fsconfig_set_string(&context, "source", "overlay")?;
    finish(&context)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Sets how a mount propagates; with `recursive` all below it as well.
pub fn propagate(path: &Path, propagation: Propagation, recursive: bool) -> io::Result<()> {
    let mut flags = match propagation {
        Propagation::Private => MountPropagationFlags::PRIVATE,
        Propagation::Slave => MountPropagationFlags::DOWNSTREAM,
        Propagation::Shared => MountPropagationFlags::SHARED,
        Propagation::Unbindable => MountPropagationFlags::UNBINDABLE,
    };
    if recursive {
        flags |= MountPropagationFlags::REC;
    }
    Ok(rustix::mount::mount_change(path, flags)?)
}

/// Mounts `source` at `target` as well; with `recursive` also what is mounted below it.
pub fn bind(source: &Path, target: &Path, recursive: bool) -> io::Result<()> {
    let tree = copy(source, recursive)?;
    attach(tree.as_fd(), open_point(target)?.as_fd())
}

/// Mounts a new tmpfs.
pub fn tmpfs(target: &Path, options: &[&str]) -> io::Result<()> {
    let mount = create("tmpfs", Some("tmpfs"), options.iter().copied())?;
    attach(mount.as_fd(), open_point(target)?.as_fd())
}

/// Moves a mount.
pub fn move_to(source: &Path, target: &Path) -> io::Result<()> {
    Ok(rustix::mount::mount_move(source, target)?)
}

/// Takes a mount away now; it ends when its last user does. Nothing mounted is no error.
pub fn detach(target: &Path) -> io::Result<()> {
    let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
    match rustix::mount::unmount(target, flags) {
        Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes `root`, which has to be a mount, the root of this mount namespace; nothing of the old one
/// stays reachable.
pub fn pivot(root: BorrowedFd<'_>) -> io::Result<()> {
    let old = open_folder(Path::new("/"))?;
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    rustix::process::fchdir(&old)?;
    // Unmounting must not travel back to where the old root came from.
    propagate(Path::new("."), Propagation::Slave, true)?;
    rustix::mount::unmount(".", UnmountFlags::DETACH)?;
    Ok(rustix::process::chdir("/")?)
}

fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// A copy of a program's file that cannot be written to, whoever reaches it through `/proc`, with
/// the path by which this process and its children can start it.
pub fn sealed_program(path: &Path) -> io::Result<(OwnedFd, PathBuf)> {
    let tree = copy(path, false)?;
    let read_only = Attributes {
        set: READ_ONLY,
        clear: 0,
    };
    set_attributes(tree.as_fd(), read_only, false)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", tree.as_raw_fd()));
    Ok((tree, path))
}

/// Mounts with the old call, for file systems that the new one does not know how to make.
pub fn mount_classic(source: &str, target: &Path, kind: &str, data: &str) -> io::Result<()> {
    let data = CString::new(data)?;
    let flags = rustix::mount::MountFlags::empty();
    Ok(rustix::mount::mount(
        source,
        target,
        kind,
        flags,
        data.as_c_str(),
    )?)
}

/// Bytes and files of a file system: total bytes, free bytes, total files, free files.
pub fn capacity(path: &Path) -> io::Result<(u64, u64, u64, u64)> {
    let found = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok((
        bytes(found.f_blocks),
        bytes(found.f_bavail),
        found.f_files,
        found.f_favail,
    ))
}

/// Whether anything is mounted exactly at `path`.
pub fn is_mount_point(path: &Path) -> io::Result<bool> {
    let flags = rustix::fs::StatxFlags::BASIC_STATS;
    let found = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, flags)?;
    Ok(found
        .stx_attributes
        .contains(rustix::fs::StatxAttributes::MOUNT_ROOT))
}

#[cfg(test)]
mod tests;
