use styr_pki::kubeconfig::Credentials;

use super::*;

fn entries(name: &str) -> Kubeconfig {
    Kubeconfig {
        name: name.into(),
        user: name.into(),
        server: "https://127.0.0.1:1".into(),
        authority_pem: "a".into(),
        credentials: Credentials::Token("t".into()),
    }
}

#[test]
fn one_cluster_goes_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/config");
    add(&path, &entries("kind-a")).unwrap();
    add(&path, &entries("kind-b")).unwrap();
    add(&path, &entries("kind-b")).unwrap();
    assert_eq!(Kubeconfig::read(&path).unwrap().name, "kind-b");
    remove(&path, "kind-b").unwrap();
    let file = read(&path).unwrap();
    assert_eq!(file["clusters"].as_array().unwrap().len(), 1);
    assert_eq!(file["current-context"], "");
    remove(&folder.path().join("missing"), "kind-b").unwrap();
}

#[test]
fn entries_and_fields_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let text = "apiVersion: v1\nkind: Config\npreferences: {colors: true}\nextensions: []\n\
        clusters: [{name: other, cluster: {server: \"https://a\"}}]\ncontexts: []\nusers: []\n\
        current-context: other\n";
    fs::write(&path, text).unwrap();
    add(&path, &entries("kind-a")).unwrap();
    assert_eq!(read(&path).unwrap()["current-context"], "kind-a");
    remove(&path, "kind-a").unwrap();
    let file = read(&path).unwrap();
    assert_eq!(file["clusters"][0]["name"], "other");
    assert_eq!(file["preferences"]["colors"], true);
}

#[test]
fn only_its_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    add(&path, &entries("kind-a")).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "drafts and locks are gone"
    );
}

#[test]
fn a_file_that_is_no_kubeconfig_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    fs::write(&path, "just words").unwrap();
    let error = add(&path, &entries("kind-a")).unwrap_err();
    assert!(format!("{error:#}").contains("is not a kubeconfig"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "just words");
}

#[test]
fn a_link_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    add(&link, &entries("kind-a")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(Kubeconfig::read(&file).unwrap().name, "kind-a");
}
