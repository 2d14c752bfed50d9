use serde_json::json;

use crate::testing::pod;

#[test]
fn init_containers_count_by_their_peak() {
    let info = pod(
        "a",
        &json!({
            "containers": [
                { "name": "c", "resources": { "requests": { "cpu": "100m", "memory": "1Gi" } } },
                { "name": "d", "resources": { "requests": { "cpu": "200m" } } },
            ],
            "initContainers": [
                { "name": "s", "restartPolicy": "Always", "resources": { "requests": { "cpu": "50m" } } },
                { "name": "i", "resources": { "requests": { "cpu": "1" } } },
            ],
            "overhead": { "cpu": "10m" },
        }),
    );
    // 1 + 0.05 while the second init container runs is more than 0.1 + 0.2 + 0.05 later.
    assert_eq!(info.requests.get("cpu"), 1060);
    assert_eq!(info.requests.get("memory"), 1 << 30);
}

#[test]
fn silent_containers_count_when_nodes_are_scored() {
    let info = pod("a", &json!({}));
    assert_eq!(info.requests.get("cpu"), 0);
    assert_eq!(info.assumed_requests.get("cpu"), 100);
    assert_eq!(info.assumed_requests.get("memory"), 200 << 20);
}
