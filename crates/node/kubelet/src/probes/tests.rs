use k8s_openapi::api::core::v1::PodStatus;
use serde_json::json;

use super::{Kind, results_of};

#[test]
fn a_new_kubelet_believes_what_the_last_one_told() {
    let told: PodStatus = serde_json::from_value(json!({
        "containerStatuses": [
            { "name": "a", "containerID": "styr://1", "started": true, "ready": true,
              "image": "", "imageID": "", "restartCount": 0 },
            { "name": "b", "containerID": "styr://2", "started": true, "ready": false,
              "image": "", "imageID": "", "restartCount": 0 },
            { "name": "c", "started": false, "ready": false,
              "image": "", "imageID": "", "restartCount": 0 },
        ],
    }))
    .unwrap();
    let mut known: Vec<_> = results_of(&told).into_iter().collect();
    known.sort_by_key(|((id, kind), _)| (id.clone(), kind.name()));
    let expected = [
        ("1", Kind::Readiness),
        ("1", Kind::Startup),
        ("2", Kind::Startup),
    ];
    let expected = expected.map(|(id, kind)| ((id.to_owned(), kind), true));
    assert_eq!(known, expected);
}
