use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use serde_json::json;

use super::with_tag;
use crate::cycle::choose;
use crate::plugins;
use crate::snapshot::Snapshot;
use crate::testing::pod;

fn node(name: &str, images: &[&str]) -> Arc<Node> {
    let images = images
        .iter()
        .map(|image| json!({ "names": [image], "sizeBytes": 500 << 20 }));
    let tree = json!({
        "metadata": { "name": name },
        "status": {
            "allocatable": { "cpu": "2", "memory": "4Gi", "pods": "3" },
            "images": images.collect::<Vec<_>>(),
        },
    });
    Arc::new(serde_json::from_value(tree).expect("a node"))
}

#[test]
fn a_node_that_has_the_image_is_better() {
    let mut snapshot = Snapshot::default();
    snapshot.set_node(node("a", &["web:1"]));
    snapshot.set_node(node("b", &["db:1"]));
    let plugins = plugins::default(None);
    let spec = json!({ "containers": [{ "name": "c", "image": "db:1" }] });
    for turn in 0..2 {
        let chosen = choose(&plugins, &pod("p", &spec), &snapshot, turn);
        assert_eq!(chosen.as_deref(), Ok("b"));
    }
    // Another image came, and the old one went.
    snapshot.set_node(node("b", &["web:1"]));
    assert_eq!(
        (
            snapshot.nodes_with_image("web:1"),
            snapshot.nodes_with_image("db:1")
        ),
        (2, 0)
    );
    snapshot.remove_node("a");
    assert_eq!(snapshot.nodes_with_image("web:1"), 1);
}

#[test]
fn an_image_without_a_tag_is_the_latest() {
    assert_eq!(with_tag("registry:5000/app"), "registry:5000/app:latest");
    assert_eq!(with_tag("app:1"), "app:1");
    assert_eq!(with_tag("app@sha256:0"), "app@sha256:0");
}
