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
fn an_unfinished_cluster_has_no_record_and_keeps_its_subnet() {
    let root = tempfile::tempdir().unwrap();
    let state = State::at(root.path());
    let held = state.create("a").unwrap();
    fs::write(held.folder.join("subnet"), "172.18.3.0/24\n").unwrap();
    assert!(state.record("a").unwrap().is_none());
    assert_eq!(state.subnets().unwrap(), ["172.18.3.0/24".parse().unwrap()]);
}
