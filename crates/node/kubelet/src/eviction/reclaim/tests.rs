use std::path::Path;

use super::{Reclaimable, reclaimable};
use crate::eviction::signal::Signal;

#[test]
fn a_disk_that_images_share_is_relieved_of_them() {
    let root = tempfile::tempdir().unwrap();
    let found = reclaimable(Signal::NodeDisk, root.path(), Some(root.path()));
    assert_eq!(found, Reclaimable::ContainersAndImages);
}

#[test]
fn a_disk_without_images_is_not_relieved_by_removing_them() {
    let root = tempfile::tempdir().unwrap();
    // Another file system on every machine.
    let images = Some(Path::new("/proc"));
    let found = reclaimable(Signal::NodeInodes, root.path(), images);
    assert_eq!(found, Reclaimable::Nothing);
    let found = reclaimable(Signal::ImageDisk, root.path(), images);
    assert_eq!(found, Reclaimable::ContainersAndImages);
}

#[test]
fn memory_is_not_had_back_from_disks() {
    let root = tempfile::tempdir().unwrap();
    let found = reclaimable(Signal::Memory, root.path(), Some(root.path()));
    assert_eq!(found, Reclaimable::Nothing);
}
