use k8s_openapi::api::core::v1::PersistentVolume;
use serde_json::{Value, json};

use super::{is_reachable, places};
use crate::node::NodeInfo;
use crate::testing;

fn reaches(volume: &Value, node: &Value) -> bool {
    let tree = json!({ "metadata": { "name": "v", "labels": volume } });
    let volume: PersistentVolume = serde_json::from_value(tree).expect("a volume");
    let mut info = NodeInfo::new("n", 0);
    info.set_node(Some(testing::node("n", node, &json!({}))));
    is_reachable(&places(&volume), &info)
}

#[test]
fn a_volume_is_reached_in_its_zones() {
    let both = json!({ "topology.kubernetes.io/zone": "a__b" });
    let zone = |zone: &str| json!({ "topology.kubernetes.io/zone": zone });
    assert!(reaches(&both, &zone("b")));
    assert!(!reaches(&both, &zone("c")));
    assert!(reaches(&both, &json!({})), "a cluster of one zone");
    assert!(reaches(&json!({}), &zone("c")));
}

#[test]
fn an_old_label_means_the_new_one() {
    let old = json!({ "failure-domain.beta.kubernetes.io/zone": "a" });
    assert!(reaches(
        &old,
        &json!({ "topology.kubernetes.io/zone": "a" })
    ));
    assert!(!reaches(
        &old,
        &json!({ "topology.kubernetes.io/zone": "b" })
    ));
}
