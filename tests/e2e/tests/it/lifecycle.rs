//! One cluster from its creation to its deletion, with everything in between.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::application::{Application, NODE_PORT, write_images};
use crate::ground::{Ground, free_port};

/// How often all is done.
fn rounds() -> usize {
    let given = std::env::var("STYR_E2E_ROUNDS").ok();
    given.map_or(1, |rounds| {
        rounds.parse().expect("STYR_E2E_ROUNDS is a number")
    })
}

#[tokio::test]
async fn a_cluster_runs_an_application_and_leaves_no_trace() {
    let Some(ground) = Ground::take(&["e2e"]) else {
        return;
    };
    for _ in 0..rounds() {
        create_use_and_delete(&ground).await;
        ground.assert_unchanged();
    }
}

async fn create_use_and_delete(ground: &Ground) {
    let port = free_port();
    let shared = ground.path("shared");
    fs::create_dir_all(&shared).unwrap();
    fs::write(shared.join("word"), "seen from the host").unwrap();
    let shared = shared.display();
    let config = ground.config(&format!(
        "networking: {{podSubnet: \"192.168.0.0/16\"}}\nnodes:\n- role: control-plane\n\
         - role: worker\n  labels: {{tier: web}}\n  extraPortMappings:\n  \
         - {{containerPort: {NODE_PORT}, hostPort: {port}, listenAddress: 127.0.0.1}}\n  \
         extraMounts:\n  - {{hostPath: {shared}, containerPath: /shared, readOnly: true}}\n"
    ));
    ground.run(&[
        "create",
        "cluster",
        "--name=e2e",
        "--config",
        &config,
        "--wait=60s",
    ]);
    assert_eq!(ground.run(&["get", "clusters"]), "e2e\n");
    let nodes = ground.run(&["get", "nodes", "--name=e2e"]);
    assert_eq!(nodes, "e2e-control-plane\ne2e-worker\n");
    assert!(ground.has_bridge("e2e"));
    sees_the_mounted_folder(ground);
    let other = ground.path("other-kubeconfig");
    let other = format!("--kubeconfig={}", other.display());
    ground.run(&["export", "kubeconfig", "--name=e2e", &other]);

    let images = write_images(&ground.path(""));
    let mut load = vec!["load", "image-archive", "--name=e2e"];
    load.extend(images.iter().map(String::as_str));
    ground.run(&load);
    let application = Application::deploy(&ground.kubeconfig()).await;

    let at_node = SocketAddr::from((application.node, NODE_PORT));
    let at_host = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Application::notes(at_host).await;
    let (status, answer) = Application::write(at_host, "kept on a volume");
    assert_eq!(status, 201, "{answer}");
    assert!(
        Application::notes(at_node)
            .await
            .contains("kept on a volume")
    );
    let seen = application.notes_from_pod_on("e2e-control-plane").await;
    assert!(seen.contains("kept on a volume"), "{seen}");

    application.replace_api_pod().await;
    assert!(
        Application::notes(at_node)
            .await
            .contains("kept on a volume")
    );
    application.roll_out("v2").await;
    Application::is_served_by(at_host, "v2").await;
    assert!(
        Application::notes(at_host)
            .await
            .contains("kept on a volume")
    );

    export_logs(ground);
    ground.run(&["delete", "cluster", "--name=e2e"]);
    let other = fs::read_to_string(ground.path("other-kubeconfig")).unwrap();
    assert!(!other.contains("kind-e2e"), "{other}");
}

/// The node's first process shows what the node sees.
fn sees_the_mounted_folder(ground: &Ground) {
    let pid = ground.first_process("e2e", "e2e-worker");
    let folder = PathBuf::from(format!("/proc/{pid}/root/shared"));
    let word = fs::read_to_string(folder.join("word")).unwrap();
    assert_eq!(word, "seen from the host");
    let written = fs::write(folder.join("word"), "from the node").unwrap_err();
    assert_eq!(written.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
}

fn export_logs(ground: &Ground) {
    let folder = ground.path("logs");
    ground.run(&["export", "logs", "--name=e2e", folder.to_str().unwrap()]);
    let kubelet = folder.join("e2e-worker/kubelet.log");
    assert!(kubelet.exists(), "{}", kubelet.display());
    let pods = fs::read_dir(folder.join("e2e-worker/containers")).unwrap();
    let mut names = pods.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(
        names.any(|name| name.starts_with("notes-api-")),
        "no log of the application"
    );
    fs::remove_dir_all(folder).unwrap();
}
