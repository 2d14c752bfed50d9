//! Two clusters at once do not meet.

use std::fs;

use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use styr_client::Client;

use crate::ground::Ground;

async fn nodes(ground: &Ground, context: &str) -> Vec<String> {
    let path = ground.path(context);
    let name = context.strip_prefix("kind-").unwrap();
    fs::write(&path, ground.run(&["get", "kubeconfig", "--name", name])).unwrap();
    let client = Client::from_kubeconfig(&path).await.unwrap();
    let nodes: Api<Node> = Api::all(client.kube().clone());
    let nodes = nodes.list(&ListParams::default()).await.unwrap();
    nodes
        .into_iter()
        .filter_map(|node| node.metadata.name)
        .collect()
}

fn forwarding() -> String {
    fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap()
}

#[tokio::test]
async fn clusters_live_side_by_side_and_one_outlives_the_other() {
    let Some(ground) = Ground::take(&["e2e-a", "e2e-b"]) else {
        return;
    };
    ground.run(&["create", "cluster", "--name=e2e-a", "--wait=60s"]);
    ground.run(&["create", "cluster", "--name=e2e-b", "--wait=60s"]);
    assert_eq!(ground.run(&["get", "clusters"]), "e2e-a\ne2e-b\n");
    assert_eq!(nodes(&ground, "kind-e2e-a").await, ["e2e-a-control-plane"]);
    assert_eq!(nodes(&ground, "kind-e2e-b").await, ["e2e-b-control-plane"]);

    // One that is there already is left alone.
    let text = ground.refused(&["create", "cluster", "--name=e2e-a"]);
    assert!(text.contains("already exist"), "{text}");

    ground.run(&["delete", "cluster", "--name=e2e-a"]);
    assert!(!ground.has_bridge("e2e-a"));
    assert_eq!(forwarding(), "1\n", "the other cluster still needs it");
    assert_eq!(nodes(&ground, "kind-e2e-b").await, ["e2e-b-control-plane"]);
    let kubeconfig = fs::read_to_string(ground.kubeconfig()).unwrap();
    assert!(kubeconfig.contains("kind-e2e-b") && !kubeconfig.contains("kind-e2e-a"));

    ground.run(&["delete", "clusters", "--all"]);
    ground.assert_unchanged();
}
