//! What the rules do to objects on their way in.

#![expect(
    clippy::needless_pass_by_value,
    reason = "documents are written where they are used"
)]

use serde_json::{Value, json};
use styr_api::{Context, Graceful, Kind};
use styr_schema::Strictness;

fn kind(group: &str, plural: &str) -> &'static Kind {
    styr_api::find(group, "v1", plural).unwrap()
}

fn context() -> Context {
    Context {
        now: "2026-01-01T00:10:00Z".parse().unwrap(),
    }
}

/// An object as the server would store it.
fn created(kind: &Kind, object: Value) -> Value {
    let bytes = object.to_string();
    let mut object = kind
        .shape
        .decode_json(bytes.as_bytes(), Strictness::Strict)
        .unwrap()
        .value;
    kind.shape.apply_defaults(&mut object);
    kind.rules.default(&mut object);
    kind.rules.prepare_create(&mut object, &context());
    object
}

#[test]
fn a_pod_gets_its_defaults_and_a_class() {
    let pod = created(
        kind("", "pods"),
        json!({
            "metadata": {"name": "a"},
            "spec": {
                "serviceAccountName": "s",
                "volumes": [{"name": "v"}],
                "containers": [{"name": "c", "image": "nginx:1", "resources": {"limits": {"cpu": "1000m", "memory": "1Gi"}}}]
            },
            "status": {"phase": "Running"}
        }),
    );
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["imagePullPolicy"], "IfNotPresent");
    assert_eq!(
        container["resources"]["requests"],
        json!({"cpu": "1", "memory": "1Gi"})
    );
    assert_eq!(pod["spec"]["volumes"][0]["emptyDir"], json!({}));
    assert_eq!(pod["spec"]["serviceAccount"], "s");
    assert_eq!(
        pod["status"],
        json!({"phase": "Pending", "qosClass": "Guaranteed"})
    );
    assert_eq!(pod["metadata"]["generation"], 1);
}

#[test]
fn the_tag_of_an_image_decides_when_it_is_pulled() {
    for (image, policy) in [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("host:5000/nginx", "Always"),
        ("nginx:1.2", "IfNotPresent"),
        ("nginx@sha256:aa", "IfNotPresent"),
    ] {
        let pod = json!({"spec": {"containers": [{"name": "c", "image": image}]}});
        let pod = created(kind("", "pods"), pod);
        assert_eq!(
            pod["spec"]["containers"][0]["imagePullPolicy"], policy,
            "{image}"
        );
    }
}

#[test]
fn a_pod_on_a_node_is_given_time_to_stop() {
    let pods = kind("", "pods");
    let pod = |node: &str, phase: &str| json!({"spec": {"nodeName": node, "terminationGracePeriodSeconds": 30}, "status": {"phase": phase}});
    let check = |pod: Value, requested| pods.rules.graceful_delete(&pod, requested);
    assert_eq!(check(pod("n", "Running"), None), Graceful::After(30));
    assert_eq!(check(pod("n", "Running"), Some(5)), Graceful::After(5));
    assert_eq!(check(pod("", "Pending"), None), Graceful::After(0));
    assert_eq!(check(pod("n", "Failed"), None), Graceful::After(0));
}

#[test]
fn a_deployment_counts_its_generation_by_its_spec() {
    let deployments = kind("apps", "deployments");
    let spec = json!({"selector": {}, "template": {"spec": {"containers": [{"name": "c", "image": "i:1"}]}}});
    let old = created(
        deployments,
        json!({"metadata": {"name": "a"}, "spec": spec}),
    );
    assert_eq!(
        old["spec"]["strategy"]["rollingUpdate"],
        json!({"maxUnavailable": "25%", "maxSurge": "25%"})
    );
    let mut same = old.clone();
    same["metadata"]["labels"] = json!({"a": "b"});
    deployments
        .rules
        .prepare_update(&mut same, &old, &context());
    assert_eq!(same["metadata"]["generation"], 1);
    let mut changed = old.clone();
    changed["spec"]["replicas"] = 3.into();
    deployments
        .rules
        .prepare_update(&mut changed, &old, &context());
    assert_eq!(changed["metadata"]["generation"], 2);
}

#[test]
fn a_status_update_changes_nothing_but_the_status() {
    let pods = kind("", "pods");
    let old = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n"}, "status": {"qosClass": "Burstable"}});
    let mut new = json!({"metadata": {"name": "a"}, "spec": {}, "status": {"phase": "Running"}});
    pods.rules.prepare_status_update(&mut new, &old, &context());
    assert_eq!(new["spec"], json!({"nodeName": "n"}));
    assert_eq!(
        new["status"],
        json!({"phase": "Running", "qosClass": "Burstable"})
    );
}

#[test]
fn a_service_gets_its_defaults() {
    let service = created(
        kind("", "services"),
        json!({"spec": {"ports": [{"port": 80}]}}),
    );
    let spec = &service["spec"];
    assert_eq!(
        spec["ports"][0],
        json!({"port": 80, "protocol": "TCP", "targetPort": 80})
    );
    assert_eq!(spec["type"], "ClusterIP");
    assert_eq!(spec["sessionAffinity"], "None");
    assert_eq!(spec["internalTrafficPolicy"], "Cluster");
}

#[test]
fn a_row_of_a_pod_says_what_holds_it_up() {
    let pod = json!({
        "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{}, {}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"ready": true, "restartCount": 0, "state": {"running": {}}},
            {"ready": false, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
             "lastState": {"terminated": {"finishedAt": "2026-01-01T00:09:00Z"}}}
        ]}
    });
    let cells = kind("", "pods").rules.cells(&pod, &context()).unwrap();
    assert_eq!(
        cells[..5],
        [
            json!("a"),
            json!("1/2"),
            json!("CrashLoopBackOff"),
            json!("2 (60s ago)"),
            json!("10m")
        ]
    );
}

#[test]
fn a_slice_counts_every_change_of_what_it_says() {
    let slices = kind("discovery.k8s.io", "endpointslices");
    let old = created(
        slices,
        json!({"addressType": "IPv4", "endpoints": [], "ports": []}),
    );
    assert_eq!(old["metadata"]["generation"], 1);
    let mut new = old.clone();
    new["endpoints"] = json!([{"addresses": ["10.0.0.1"]}]);
    slices.rules.prepare_update(&mut new, &old, &context());
    assert_eq!(new["metadata"]["generation"], 2);
}
