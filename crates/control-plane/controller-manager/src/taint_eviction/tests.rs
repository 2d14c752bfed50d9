use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Taint};
use serde_json::{Value, json};

use super::{Stay, plan};

fn check(tolerations: &Value, expected: &Stay) {
    let tree = json!({ "metadata": {}, "spec": { "containers": [], "tolerations": tolerations } });
    let pod: Pod = serde_json::from_value(tree).unwrap();
    let taint: Taint = serde_json::from_value(json!({
        "key": "a", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z",
    }))
    .unwrap();
    let now: Timestamp = "2026-01-01T00:00:10Z".parse().unwrap();
    assert_eq!(&plan(&pod, &[taint], now), expected);
}

#[test]
fn who_does_not_tolerate_leaves_at_once() {
    check(&json!([]), &Stay::NoLonger);
    check(
        &json!([{ "key": "b", "operator": "Exists" }]),
        &Stay::NoLonger,
    );
}

#[test]
fn who_tolerates_for_a_time_leaves_after_it() {
    let toleration = json!([{ "key": "a", "operator": "Exists", "tolerationSeconds": 30 }]);
    check(&toleration, &Stay::For(Duration::from_secs(20)));
    let toleration = json!([{ "key": "a", "operator": "Exists", "tolerationSeconds": 5 }]);
    check(&toleration, &Stay::NoLonger);
}

#[test]
fn who_tolerates_stays() {
    check(&json!([{ "operator": "Exists" }]), &Stay::Forever);
}
