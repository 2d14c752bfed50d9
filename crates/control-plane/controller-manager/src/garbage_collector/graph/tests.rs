use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use styr_client::Address;

use super::Graph;

fn pods() -> Address {
    Address {
        group: "".into(),
        version: "v1".into(),
        plural: "pods".into(),
        namespaced: true,
    }
}

fn apply(graph: &mut Graph, metadata: Value) -> Vec<String> {
    let metadata: ObjectMeta = serde_json::from_value(metadata).unwrap();
    graph.apply(&pods(), "Pod", &metadata)
}

fn owned(uid: &str, owner: &str) -> Value {
    json!({ "uid": uid, "name": uid, "namespace": "default", "ownerReferences": [
        { "apiVersion": "v1", "kind": "Pod", "name": owner, "uid": owner, "blockOwnerDeletion": true }] })
}

#[test]
fn an_owned_object_is_looked_at_when_it_appears() {
    let mut graph = Graph::default();
    assert_eq!(apply(&mut graph, owned("child", "owner")), ["child"]);
    assert!(!graph.get("owner").unwrap().is_seen);
}

#[test]
fn what_a_gone_object_owned_is_looked_at() {
    let mut graph = Graph::default();
    apply(&mut graph, json!({ "uid": "owner", "name": "owner" }));
    apply(&mut graph, owned("child", "owner"));
    assert_eq!(graph.remove("owner"), ["child"]);
    assert!(!graph.get("owner").unwrap().is_seen);
    assert_eq!(graph.remove("child"), Vec::<String>::new());
    assert!(graph.get("owner").is_none());
}

#[test]
fn an_owner_that_waits_is_looked_at_when_its_dependent_goes() {
    let mut graph = Graph::default();
    apply(&mut graph, owned("child", "owner"));
    let look_at = apply(
        &mut graph,
        json!({ "uid": "owner", "name": "owner",
        "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["foregroundDeletion"] }),
    );
    assert_eq!(look_at, ["owner", "child"]);
    assert!(graph.get("child").unwrap().blocks("owner"));
    assert_eq!(graph.remove("child"), ["owner"]);
}

#[test]
fn an_unowned_object_is_not_looked_at() {
    let mut graph = Graph::default();
    assert_eq!(
        apply(&mut graph, json!({ "uid": "a", "name": "a" })),
        Vec::<String>::new()
    );
}
