use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::{exceeded, is_limited};
use crate::eviction::usage::{ContainerUsage, Usage};

const MI: i64 = 1 << 20;

fn pod(volume: &Value, limits: [Option<&str>; 2]) -> Pod {
    let container = |name: &str, limit: Option<&str>| match limit {
        Some(limit) => json!({
            "name": name, "resources": { "limits": { "ephemeral-storage": limit } },
        }),
        None => json!({ "name": name }),
    };
    serde_json::from_value(json!({
        "metadata": { "name": "p" },
        "spec": {
            "volumes": [{ "name": "scratch", "emptyDir": volume }],
            "containers": [container("main", limits[0]), container("side", limits[1])],
        },
    }))
    .unwrap()
}

fn usage(main: i64, side: i64, volumes: i64) -> Usage {
    let container = |name: &str, disk: i64| ContainerUsage {
        name: name.into(),
        memory: 0,
        disk,
    };
    Usage {
        disk: main + side + volumes,
        containers: vec![container("main", main), container("side", side)],
        ..Usage::default()
    }
}

#[test]
fn a_volume_is_held_to_its_limit() {
    let pod = pod(&json!({ "sizeLimit": "10Mi" }), [None, None]);
    assert!(is_limited(&pod));
    assert_eq!(exceeded(&pod, None, |_| 10 * MI), None);
    let text = exceeded(
        &pod,
        None,
        |name| if name == "scratch" { 10 * MI + 1 } else { 0 },
    );
    let expected = "Usage of EmptyDir volume \"scratch\" exceeds the limit \"10Mi\". ";
    assert_eq!(text.as_deref(), Some(expected));
}

#[test]
fn a_volume_in_memory_or_without_a_limit_is_not_measured() {
    for volume in [
        json!({}),
        json!({ "sizeLimit": "0" }),
        json!({ "medium": "Memory", "sizeLimit": "1Mi" }),
    ] {
        let pod = pod(&volume, [None, None]);
        assert!(!is_limited(&pod));
        assert_eq!(exceeded(&pod, Some(&usage(MI, MI, MI)), |_| 99 * MI), None);
    }
}

#[test]
fn a_container_is_held_to_its_own_limit_and_the_pod_to_the_sum() {
    let pod = pod(&json!({}), [Some("10Mi"), Some("20Mi")]);
    assert!(is_limited(&pod));
    let of = |main, side, volumes| exceeded(&pod, Some(&usage(main, side, volumes)), |_| 0);
    assert_eq!(of(10 * MI, 20 * MI, 0), None);
    let alone = "Container main exceeded its local ephemeral storage limit \"10Mi\". ";
    assert_eq!(of(11 * MI, 0, 0).as_deref(), Some(alone));
    let together = "Pod ephemeral local storage usage exceeds the total limit of containers 30Mi. ";
    assert_eq!(of(5 * MI, 5 * MI, 21 * MI).as_deref(), Some(together));
}
