//! Gives a volume to the pod's shared group, by upstream's rules.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::Path;

const READ_WRITE: u32 = 0o660;
const READ_ONLY: u32 = 0o440;
const DIRECTORY: u32 = 0o2110;

/// Which rights the group gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    Read,
    ReadWrite,
}

/// Everything below and including `root`; with `only_if_root_differs`, nothing if the root is right.
pub(super) fn give(
    root: &Path,
    group: i64,
    rights: Rights,
    only_if_root_differs: bool,
) -> io::Result<()> {
    let invalid = |_| io::Error::new(io::ErrorKind::InvalidInput, "fsGroup is out of range");
    let group = u32::try_from(group).map_err(invalid)?;
    if only_if_root_differs {
        let metadata = std::fs::metadata(root)?;
        let mask = mask(rights, true);
        if metadata.gid() == group && metadata.mode() & mask == mask {
            return Ok(());
        }
    }
    walk(root, group, rights)
}

fn mask(rights: Rights, is_directory: bool) -> u32 {
    let base = match rights {
        Rights::Read => READ_ONLY,
        Rights::ReadWrite => READ_WRITE,
    };
    if is_directory { base | DIRECTORY } else { base }
}

fn walk(path: &Path, group: u32, rights: Rights) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(path)?;
    lchown(path, None, Some(group))?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.mode() & 0o7777 | mask(rights, metadata.is_dir());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            walk(&entry?.path(), group, rights)?;
        }
    }
    Ok(())
}
