use serde_json::json;

use super::*;
use crate::admission::fake::Write;

const PLUGIN: &str = "NodeRestriction";
const USER: &str = "system:node:n1";

fn node(name: &str, labels: &Value) -> Value {
    json!({"metadata": {"name": name, "labels": labels}, "spec": {}})
}

#[tokio::test]
async fn a_node_writes_only_itself() {
    let register = |name: &str, labels: Value| Write {
        plugin: PLUGIN,
        user: USER,
        resource: ("", "nodes", ""),
        object: node(name, &labels),
        ..Write::default()
    };
    let labels = json!({"kubernetes.io/hostname": "n1", "node.kubernetes.io/x": "1", "own": "1"});
    register("n1", labels).outcome().await.unwrap();
    let expected = r#"nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2""#;
    assert_eq!(register("n2", json!({})).refusal().await, expected);
    let role = json!({"node-role.kubernetes.io/control-plane": ""});
    let expected = "nodes \"n1\" is forbidden: node \"n1\" is not allowed to set the following \
                    labels: node-role.kubernetes.io/control-plane";
    assert_eq!(register("n1", role).refusal().await, expected);
}

#[tokio::test]
async fn a_node_keeps_its_taints() {
    let mut old = node("n1", &json!({}));
    old["spec"]["taints"] = json!([{"key": "a", "effect": "NoSchedule"}]);
    let write = Write {
        plugin: PLUGIN,
        user: USER,
        operation: Operation::Update,
        resource: ("", "nodes", "status"),
        object: node("n1", &json!({})),
        old: Some(old),
        ..Write::default()
    };
    assert!(
        write
            .refusal()
            .await
            .ends_with("node \"n1\" is not allowed to modify taints")
    );
}

fn pod(node: &str) -> Value {
    let metadata = json!({"name": "web", "namespace": "a", "uid": "u1"});
    json!({"metadata": metadata, "spec": {"nodeName": node, "serviceAccountName": "bot"}})
}

#[tokio::test]
async fn a_node_reports_on_its_own_pods() {
    let report = |on: &str| Write {
        plugin: PLUGIN,
        user: USER,
        operation: Operation::Update,
        resource: ("", "pods", "status"),
        object: pod(on),
        old: Some(pod(on)),
        ..Write::default()
    };
    report("n1").outcome().await.unwrap();
    let expected = "can only update pod status for pods with spec.nodeName set to itself";
    assert!(report("n2").refusal().await.ends_with(expected));
}

#[tokio::test]
async fn a_mirror_pod_belongs_to_its_node_and_leads_nowhere() {
    let mirror = |spec: Value| {
        let owner = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "name": "n1",
            "uid": "n",
            "controller": true,
        });
        let metadata = json!({
            "name": "etcd-n1",
            "namespace": "kube-system",
            "annotations": {"kubernetes.io/config.mirror": "x"},
            "ownerReferences": [owner],
        });
        let node = json!({"metadata": {"name": "n1", "uid": "n"}});
        Write {
            plugin: PLUGIN,
            user: USER,
            objects: vec![("nodes", node)],
            object: json!({"metadata": metadata, "spec": spec}),
            ..Write::default()
        }
    };
    mirror(json!({"nodeName": "n1"})).outcome().await.unwrap();
    let volumes = json!([{"name": "s", "secret": {"secretName": "s"}}]);
    let leading = mirror(json!({"nodeName": "n1", "volumes": volumes}));
    assert!(
        leading
            .refusal()
            .await
            .ends_with("can not create pods that reference secrets")
    );
    let plain = Write {
        plugin: PLUGIN,
        user: USER,
        object: pod("n1"),
        ..Write::default()
    };
    assert!(
        plain
            .refusal()
            .await
            .ends_with("node \"n1\" can only create mirror pods")
    );
}

#[tokio::test]
async fn a_node_gets_tokens_only_for_its_pods() {
    let ask = |on: &str, uid: &str| {
        let mut stored = pod(on);
        let source = json!({"serviceAccountToken": {"path": "token"}});
        stored["spec"]["volumes"] = json!([{"name": "t", "projected": {"sources": [source]}}]);
        let reference = json!({"apiVersion": "v1", "kind": "Pod", "name": "web", "uid": uid});
        Write {
            plugin: PLUGIN,
            user: USER,
            objects: vec![("pods", stored)],
            resource: ("", "serviceaccounts", "token"),
            object: json!({
                "metadata": {"name": "bot", "namespace": "a"},
                "spec": {"boundObjectRef": reference},
            }),
            ..Write::default()
        }
    };
    ask("n1", "u1").outcome().await.unwrap();
    let other = ask("n2", "u1").refusal().await;
    assert!(other.ends_with("bound to a pod scheduled on a different node"));
    assert!(
        ask("n1", "u2")
            .refusal()
            .await
            .contains("does not match the UID in record")
    );
}

#[tokio::test]
async fn a_node_renews_only_its_own_lease() {
    let renew = |name: &str, namespace: &str| Write {
        plugin: PLUGIN,
        user: USER,
        resource: ("coordination.k8s.io", "leases", ""),
        object: json!({"metadata": {"name": name, "namespace": namespace}}),
        ..Write::default()
    };
    renew("n1", "kube-node-lease").outcome().await.unwrap();
    assert!(
        renew("n2", "kube-node-lease")
            .refusal()
            .await
            .contains("same name")
    );
    assert!(
        renew("n1", "default")
            .refusal()
            .await
            .contains("system namespace")
    );
}

#[tokio::test]
async fn whoever_is_no_node_is_not_restricted() {
    let write = Write {
        plugin: PLUGIN,
        resource: ("", "nodes", ""),
        object: node("n2", &json!({"node-role.kubernetes.io/x": ""})),
        ..Write::default()
    };
    write.outcome().await.unwrap();
}
