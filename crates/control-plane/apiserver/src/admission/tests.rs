use serde_json::json;

use super::fake::Write;
use super::*;
use crate::attributes::Operation;

fn names(enabled: &[&str], disabled: &[&str]) -> Result<Vec<&'static str>, String> {
    let owned = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    match select(&owned(enabled), &owned(disabled)) {
        Ok(selected) => Ok(selected.into_iter().map(|(name, _)| name).collect()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn plugins_are_switched_by_name_and_keep_their_order() {
    let selected = names(&["NodeRestriction"], &["Priority"]).unwrap();
    let at = |name: &str| selected.iter().position(|known| *known == name);
    assert!(at("ServiceAccount") < at("NodeRestriction"));
    assert_eq!(at("Priority"), None);
    assert_eq!(at("NamespaceExists"), None);
}

#[test]
fn plugins_that_are_not_there_are_refused() {
    let unknown = names(&["Nonsense"], &[]).unwrap_err();
    assert_eq!(
        unknown,
        r#"enable-admission-plugins plugin "Nonsense" is unknown"#
    );
    let missing = names(&["PodSecurity"], &[]).unwrap_err();
    assert_eq!(
        missing,
        r#"admission plugin "PodSecurity" is not implemented"#
    );
    assert!(
        names(&["Priority"], &["Priority"])
            .unwrap_err()
            .ends_with("overlapped")
    );
    assert!(names(&[], &["PodSecurity"]).is_ok());
}

fn pod() -> Value {
    json!({"metadata": {"name": "web", "namespace": "a"}, "spec": {"containers": [{"name": "c"}]}})
}

fn namespace(name: &str, phase: &str) -> (&'static str, Value) {
    (
        "namespaces",
        json!({"metadata": {"name": name}, "status": {"phase": phase}}),
    )
}

#[tokio::test]
async fn nothing_new_comes_into_a_namespace_that_is_not_there_or_is_going() {
    let plugin = "NamespaceLifecycle";
    let missing = Write {
        plugin,
        object: pod(),
        ..Write::default()
    };
    assert_eq!(missing.refusal().await, r#"namespaces "a" not found"#);
    let objects = vec![namespace("a", "Terminating")];
    let going = Write {
        plugin,
        objects,
        object: pod(),
        ..Write::default()
    };
    let expected = "pods \"web\" is forbidden: unable to create new content in namespace a because \
                    it is being terminated";
    assert_eq!(going.refusal().await, expected);
    let objects = vec![namespace("a", "Active")];
    let fine = Write {
        plugin,
        objects,
        object: pod(),
        ..Write::default()
    };
    fine.outcome().await.unwrap();
}

#[tokio::test]
async fn some_namespaces_stay() {
    let delete = |name: &str| Write {
        plugin: "NamespaceLifecycle",
        operation: Operation::Delete,
        resource: ("", "namespaces", ""),
        old: Some(json!({"metadata": {"name": name}})),
        ..Write::default()
    };
    let expected = r#"namespaces "default" is forbidden: this namespace may not be deleted"#;
    assert_eq!(delete("default").refusal().await, expected);
    delete("kube-node-lease").outcome().await.unwrap();
}

#[tokio::test]
async fn pods_get_their_account_its_token_and_its_pull_secrets() {
    let account = json!({
        "metadata": {"name": "default", "namespace": "a"},
        "imagePullSecrets": [{"name": "registry"}],
    });
    let objects = vec![("serviceaccounts", account)];
    let write = Write {
        plugin: "ServiceAccount",
        objects,
        object: pod(),
        ..Write::default()
    };
    let pod = write.outcome().await.unwrap();
    assert_eq!(pod["spec"]["serviceAccountName"], "default");
    assert_eq!(pod["spec"]["serviceAccount"], "default");
    assert_eq!(
        pod["spec"]["imagePullSecrets"],
        json!([{"name": "registry"}])
    );
    let sources = &pod["spec"]["volumes"][0]["projected"]["sources"];
    let token = json!({"expirationSeconds": 3607, "path": "token"});
    assert_eq!(sources[0]["serviceAccountToken"], token);
}

#[tokio::test]
async fn a_pod_without_its_account_is_refused() {
    let mut object = pod();
    object["metadata"] = json!({"generateName": "web-", "name": "web-abcde", "namespace": "a"});
    object["spec"]["serviceAccountName"] = "bot".into();
    let write = Write {
        plugin: "ServiceAccount",
        object,
        ..Write::default()
    };
    let expected = "pods \"web-\" is forbidden: error looking up service account a/bot: \
                    serviceaccount \"bot\" not found";
    assert_eq!(write.refusal().await, expected);
}

#[tokio::test]
async fn an_account_may_limit_secrets() {
    let account = json!({
        "metadata": {
            "name": "bot",
            "namespace": "a",
            "annotations": {"kubernetes.io/enforce-mountable-secrets": "true"},
        },
        "secrets": [{"name": "allowed"}],
    });
    let secret = |name: &str| {
        let mut object = pod();
        object["spec"]["serviceAccountName"] = "bot".into();
        object["spec"]["volumes"] = json!([{"name": "v", "secret": {"secretName": name}}]);
        let objects = vec![("serviceaccounts", account.clone())];
        Write {
            plugin: "ServiceAccount",
            objects,
            object,
            ..Write::default()
        }
    };
    secret("allowed").outcome().await.unwrap();
    assert!(
        secret("other")
            .refusal()
            .await
            .contains("does not reference that secret")
    );
}

#[tokio::test]
async fn tolerations_are_added_unless_there() {
    let plugin = "DefaultTolerationSeconds";
    let tolerations = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]);
    let mut object = pod();
    object["spec"]["tolerations"] = tolerations;
    let pod = Write {
        plugin,
        object,
        ..Write::default()
    }
    .outcome()
    .await
    .unwrap();
    let list = pod["spec"]["tolerations"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    let expected = json!({
        "key": "node.kubernetes.io/unreachable",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    });
    assert_eq!(list[1], expected);
}

fn class(name: &str, value: i64, is_default: bool) -> (&'static str, Value) {
    let class = json!({
        "metadata": {"name": name},
        "value": value,
        "globalDefault": is_default,
        "preemptionPolicy": "PreemptLowerPriority",
    });
    ("priorityclasses", class)
}

#[tokio::test]
async fn a_pod_gets_the_number_of_its_class_or_of_the_default_one() {
    let write = |class_name: Option<&str>, is_default: bool| {
        let mut object = pod();
        if let Some(name) = class_name {
            object["spec"]["priorityClassName"] = name.into();
        }
        let objects = vec![class("high", 1000, false), class("usual", 5, is_default)];
        Write {
            plugin: "Priority",
            objects,
            object,
            ..Write::default()
        }
    };
    let pod = write(Some("high"), true).outcome().await.unwrap();
    assert_eq!(pod["spec"]["priority"], 1000);
    let pod = write(None, true).outcome().await.unwrap();
    assert_eq!(pod["spec"]["priority"], 5);
    assert_eq!(pod["spec"]["priorityClassName"], "usual");
    let pod = write(None, false).outcome().await.unwrap();
    assert_eq!(pod["spec"]["priority"], 0);
    assert_eq!(pod["spec"]["preemptionPolicy"], "PreemptLowerPriority");
    assert!(pod["spec"]["priorityClassName"].is_null());
    let expected = "pods \"web\" is forbidden: no PriorityClass with name none was found";
    assert_eq!(write(Some("none"), true).refusal().await, expected);
}

#[tokio::test]
async fn one_priority_class_is_default() {
    let write = Write {
        plugin: "Priority",
        objects: vec![class("usual", 5, true)],
        resource: ("scheduling.k8s.io", "priorityclasses", ""),
        object: class("other", 6, true).1,
        ..Write::default()
    };
    assert!(
        write
            .refusal()
            .await
            .ends_with("Only one default can exist")
    );
}

#[tokio::test]
async fn a_new_node_is_not_ready() {
    let write = Write {
        plugin: "TaintNodesByCondition",
        resource: ("", "nodes", ""),
        object: json!({"metadata": {"name": "n1"}}),
        ..Write::default()
    };
    let node = write.outcome().await.unwrap();
    let taints = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]);
    assert_eq!(node["spec"]["taints"], taints);
}

#[tokio::test]
async fn claims_are_protected_and_get_the_newest_default_class() {
    let class = |name: &str, made: &str| {
        let annotations = json!({"storageclass.kubernetes.io/is-default-class": "true"});
        let metadata = json!({"name": name, "creationTimestamp": made, "annotations": annotations});
        ("storageclasses", json!({"metadata": metadata}))
    };
    let claim = |plugin| Write {
        plugin,
        objects: vec![
            class("old", "2026-01-01T00:00:00Z"),
            class("new", "2026-02-01T00:00:00Z"),
        ],
        resource: ("", "persistentvolumeclaims", ""),
        object: json!({"metadata": {"name": "c", "namespace": "a"}, "spec": {}}),
        ..Write::default()
    };
    let defaulted = claim("DefaultStorageClass").outcome().await.unwrap();
    assert_eq!(defaulted["spec"]["storageClassName"], "new");
    let kept = claim("StorageObjectInUseProtection")
        .outcome()
        .await
        .unwrap();
    assert_eq!(
        kept["metadata"]["finalizers"],
        json!(["kubernetes.io/pvc-protection"])
    );
}

#[tokio::test]
async fn only_bound_claims_of_growing_classes_grow() {
    let claim = |size: &str, phase: &str| {
        json!({
            "metadata": {"name": "c", "namespace": "a"},
            "spec": {"storageClassName": "s", "resources": {"requests": {"storage": size}}},
            "status": {"phase": phase},
        })
    };
    let grow = |phase: &str, allows: bool| {
        let class = json!({"metadata": {"name": "s"}, "allowVolumeExpansion": allows});
        Write {
            plugin: "PersistentVolumeClaimResize",
            objects: vec![("storageclasses", class)],
            operation: Operation::Update,
            resource: ("", "persistentvolumeclaims", ""),
            object: claim("2Gi", phase),
            old: Some(claim("1Gi", phase)),
            ..Write::default()
        }
    };
    grow("Bound", true).outcome().await.unwrap();
    assert!(grow("Pending", true).refusal().await.contains("Only bound"));
    assert!(
        grow("Bound", false)
            .refusal()
            .await
            .contains("must support resize")
    );
}
