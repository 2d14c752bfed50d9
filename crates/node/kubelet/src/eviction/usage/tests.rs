use super::Files;

#[test]
fn files_are_counted_with_the_folders_they_lie_in() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a/b");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("file"), vec![1; 100_000]).unwrap();
    let found = Files::below(root.path());
    assert_eq!(found.count, 3);
    assert!(found.bytes >= 100_000, "{found:?}");
}

#[test]
fn links_are_not_followed() {
    let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(other.path().join("file"), vec![1; 100_000]).unwrap();
    std::os::unix::fs::symlink(other.path(), root.path().join("link")).unwrap();
    let found = Files::below(root.path());
    assert_eq!(found.count, 1);
    assert!(found.bytes < 100_000, "{found:?}");
}

#[test]
fn a_folder_that_is_not_there_holds_nothing() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(Files::below(&root.path().join("gone")), Files::default());
}
