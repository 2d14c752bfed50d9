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
