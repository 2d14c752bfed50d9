use std::os::unix::fs::PermissionsExt as _;

use super::{setup, teardown};

#[test]
fn a_directory_comes_and_goes_any_number_of_times() {
    let parent = tempfile::tempdir().expect("a directory");
    let volume = parent.path().join("volumes").join("one");
    setup(&volume).expect("made");
    std::fs::write(volume.join("file"), "x").expect("written");
    setup(&volume).expect("there already");
    let mode = volume.metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o777);
    teardown(&volume).expect("removed");
    teardown(&volume).expect("gone already");
    assert!(!volume.exists());
}
