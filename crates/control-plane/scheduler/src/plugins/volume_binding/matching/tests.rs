use std::sync::Arc;

use serde_json::{Value, json};

use super::{Claim, Volume, best};
use crate::node::NodeInfo;
use crate::testing::node;

fn claim() -> Claim {
    let tree = json!({
        "metadata": { "name": "c", "namespace": "default", "uid": "u" },
        "spec": {
            "storageClassName": "local", "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } },
        },
    });
    Arc::new(serde_json::from_value(tree).expect("a claim"))
}

fn volume(name: &str, size: &str, host: &str, reference: &Value) -> Volume {
    let expression = json!({ "key": "kubernetes.io/hostname", "operator": "In", "values": [host] });
    let tree = json!({
        "metadata": { "name": name },
        "spec": {
            "storageClassName": "local", "accessModes": ["ReadWriteOnce"],
            "capacity": { "storage": size }, "claimRef": reference,
            "nodeAffinity": { "required": {
                "nodeSelectorTerms": [{ "matchExpressions": [expression] }],
            } },
        },
        "status": { "phase": "Available" },
    });
    Arc::new(serde_json::from_value(tree).expect("a volume"))
}

fn host() -> NodeInfo {
    let labels = json!({ "kubernetes.io/hostname": "a" });
    let mut info = NodeInfo::new("a", 0);
    info.set_node(Some(node("a", &labels, &json!({}))));
    info
}

fn chosen(volumes: &[Volume]) -> Option<String> {
    let best = best(&claim(), volumes, &host(), |_| true)?;
    best.metadata.name.clone()
}

#[test]
fn the_smallest_that_is_large_enough_and_near() {
    let none = Value::Null;
    let volumes = [
        volume("small", "500Mi", "a", &none),
        volume("large", "5Gi", "a", &none),
        volume("fits", "2Gi", "a", &none),
        volume("far", "1Gi", "b", &none),
    ];
    assert_eq!(chosen(&volumes).as_deref(), Some("fits"));
}

#[test]
fn what_is_reserved_goes_first_and_only_there() {
    let ours = json!({ "name": "c", "namespace": "default" });
    let near = [
        volume("fits", "2Gi", "a", &Value::Null),
        volume("ours", "9Gi", "a", &ours),
    ];
    assert_eq!(chosen(&near).as_deref(), Some("ours"));
    let far = [
        volume("fits", "2Gi", "a", &Value::Null),
        volume("ours", "9Gi", "b", &ours),
    ];
    assert_eq!(chosen(&far), None);
}
