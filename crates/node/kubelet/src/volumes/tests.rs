use std::os::unix::fs::MetadataExt as _;

use jiff::Timestamp;

use super::atomic::{Content, Payload, write};
use super::host_path::check;

fn payload(files: &[(&str, &str)]) -> Payload {
    let content = |text: &str| Content {
        bytes: text.into(),
        mode: 0o644,
        user: None,
    };
    files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), content(text)))
        .collect()
}

#[test]
fn replaces_all_files_at_once() {
    let volume = tempfile::tempdir().unwrap();
    let put = |files| {
        write(
            volume.path(),
            &payload(files),
            Timestamp::UNIX_EPOCH,
            |_| Ok(()),
        )
    };
    assert!(put(&[("a", "1"), ("b/c", "2")]).unwrap());
    assert!(put(&[("a", "3")]).unwrap());
    assert_eq!(
        std::fs::read_to_string(volume.path().join("a")).unwrap(),
        "3"
    );
    assert!(!volume.path().join("b").exists());
}

#[test]
fn writes_nothing_twice() {
    let volume = tempfile::tempdir().unwrap();
    let put = |files| {
        write(
            volume.path(),
            &payload(files),
            Timestamp::UNIX_EPOCH,
            |_| Ok(()),
        )
    };
    assert!(put(&[("a", "1")]).unwrap());
    assert!(!put(&[("a", "1")]).unwrap());
}

#[test]
fn refuses_paths_that_lead_out() {
    let volume = tempfile::tempdir().unwrap();
    let files = payload(&[("../a", "1")]);
    let error = write(volume.path(), &files, Timestamp::UNIX_EPOCH, |_| Ok(())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid path: must not contain '..': ../a"
    );
}

#[test]
fn makes_a_host_directory_that_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("new");
    check(&path, "DirectoryOrCreate").unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn refuses_a_host_path_of_another_type() {
    let root = tempfile::tempdir().unwrap();
    let text = check(root.path(), "File").unwrap_err();
    assert!(text.starts_with("hostPath type check failed: "), "{text}");
}
