use std::os::unix::fs::symlink;

use super::*;
use crate::state::NodeRecord;

fn record() -> Record {
    let node = NodeRecord {
        name: "a-control-plane".into(),
        role: "control-plane".into(),
        address: "172.18.0.2".into(),
    };
    Record {
        name: "a".into(),
        subnet: "172.18.0.0/24".into(),
        server: "https://127.0.0.1:1".into(),
        nodes: vec![node],
    }
}

/// A cluster with one node, whose only pod wrote a line.
fn cluster(root: &Path) -> State {
    let state = State::at(root);
    let node = state.cluster("a").join("nodes/a-control-plane");
    let logs = node.join("rootfs/var/log");
    fs::create_dir_all(logs.join("pods/default_web_1/web")).unwrap();
    fs::create_dir_all(logs.join("containers")).unwrap();
    fs::write(logs.join("pods/default_web_1/web/0.log"), "hello\n").unwrap();
    fs::write(logs.join("kubelet.log"), "kubelet\n").unwrap();
    fs::write(node.join("node.log"), "").unwrap();
    let pod_log = "/var/log/pods/default_web_1/web/0.log";
    symlink(pod_log, logs.join("containers/web.log")).unwrap();
    symlink(
        "/../../../../../etc/passwd",
        logs.join("containers/out.log"),
    )
    .unwrap();
    state
}

#[test]
fn logs_of_nodes_and_pods_are_gathered() {
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let state = cluster(root.path());
    logs(&state, &record(), out.path()).unwrap();
    let node = out.path().join("a-control-plane");
    let read = |path: &str| fs::read_to_string(node.join(path)).unwrap();
    assert_eq!(read("kubelet.log"), "kubelet\n");
    assert_eq!(read("pods/default_web_1/web/0.log"), "hello\n");
    assert_eq!(read("containers/web.log"), "hello\n");
}

#[test]
fn links_out_of_a_node_are_left_out() {
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let state = cluster(root.path());
    logs(&state, &record(), out.path()).unwrap();
    assert!(
        !out.path()
            .join("a-control-plane/containers/out.log")
            .exists()
    );
}
