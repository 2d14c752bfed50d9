//! Removes what a pod had on this machine, and nothing that only was mounted there.

use std::io;
use std::path::Path;

use super::mount_table;
use crate::launch::sub_path;

/// Unmounts and removes a pod's directory. Safe to repeat.
pub(crate) fn tear_down(directory: &Path) -> io::Result<()> {
    sub_path::unbind_all(&directory.join("volume-subpaths"))?;
    mount_table::unmount_below(directory)?;
    let left = mount_table::below(directory)?;
    if let Some(first) = left.first() {
        // Removing files below a mount would remove what belongs to others.
        let text = format!("{} is still mounted", first.display());
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
    }
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
