use super::*;

#[test]
fn a_name_is_taken_until_its_folder_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let state = State::at(root.path());
    let held = state.create("a").unwrap();
    assert!(
        state
            .create("a")
            .unwrap_err()
            .to_string()
            .contains("already exist")
    );
    assert!(
        state
            .open("a")
            .unwrap_err()
            .to_string()
            .contains("another command")
    );
    drop(held);
    assert!(state.open("a").unwrap().is_some());
    assert!(state.open("b").unwrap().is_none());
    assert_eq!(state.clusters().unwrap(), ["a"]);
}

#[test]
fn an_unfinished_cluster_has_no_record() {
    let root = tempfile::tempdir().unwrap();
    let state = State::at(root.path());
    let _held = state.create("a").unwrap();
    assert!(state.record("a").unwrap().is_none());
}

#[test]
fn the_folder_of_clusters_goes_with_the_last_one() {
    let root = tempfile::tempdir().unwrap();
    let state = State::at(root.path());
    let held = state.create("a").unwrap();
    state.tidy();
    assert!(root.path().join("clusters").exists());
    fs::remove_dir_all(&held.folder).unwrap();
    state.tidy();
    assert!(!root.path().join("clusters").exists());
}
