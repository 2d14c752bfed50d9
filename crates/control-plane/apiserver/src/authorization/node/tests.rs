use serde_json::{Value, json};

use super::graph::{Pods, follow};
use super::*;
use crate::authorization::references::References;
use crate::objects::Change;

const MIRROR: &str = "kubernetes.io/config.mirror";

fn pod(name: &str, node: &str, mirror: bool) -> Value {
    let annotations = if mirror {
        json!({MIRROR: "x"})
    } else {
        json!({})
    };
    json!({
        "metadata": {"name": name, "namespace": "a", "annotations": annotations},
        "spec": {
            "nodeName": node,
            "serviceAccountName": "bot",
            "containers": [{"envFrom": [{"secretRef": {"name": "password"}}]}],
            "volumes": [
                {"name": "c", "configMap": {"name": "settings"}},
                {"name": "p", "persistentVolumeClaim": {"claimName": "notes"}},
            ],
        },
    })
}

#[test]
fn a_pod_refers_to_what_its_environment_and_volumes_name() {
    let references = References::of_pod(&pod("web", "n1", false));
    assert!(references.secrets.contains("password"));
    assert!(references.config_maps.contains("settings"));
    assert!(references.claims.contains("notes"));
    assert_eq!(references.service_account, "bot");
}

#[test]
fn references_go_with_the_pod_and_mirror_pods_have_none() {
    let mut pods = Pods::new();
    let (web, mirror) = (pod("web", "n1", false), pod("etcd", "n1", true));
    follow(
        &mut pods,
        Change::Applied {
            old: None,
            new: &web,
        },
    );
    follow(
        &mut pods,
        Change::Applied {
            old: None,
            new: &mirror,
        },
    );
    let key = |name: &str| ("a".to_owned(), name.to_owned());
    assert_eq!(pods["n1"][&key("etcd")], References::default());
    assert!(!pods["n1"][&key("web")].secrets.is_empty());
    follow(&mut pods, Change::Deleted(&web));
    follow(&mut pods, Change::Deleted(&mirror));
    assert!(pods.is_empty());
}

fn asked(verb: &str, resource: &str, name: &str) -> Attributes {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Attributes {
        verb: verb.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        name: name.into(),
        is_resource: true,
        ..Attributes::default()
    }
}

#[test]
fn a_node_reads_itself_only() {
    assert_eq!(verbs::node("n1", &asked("get", "nodes", "n1")), Ok(()));
    let other = verbs::node("n1", &asked("get", "nodes", "n2")).unwrap_err();
    assert_eq!(
        other,
        "node 'n1' cannot read 'n2', only its own Node object"
    );
    assert!(verbs::node("n1", &asked("list", "nodes", "")).is_err());
    assert_eq!(
        verbs::node("n1", &asked("patch", "nodes/status", "n1")),
        Ok(())
    );
    assert!(verbs::node("n1", &asked("delete", "nodes", "n1")).is_err());
}

#[test]
fn a_node_lists_only_by_its_own_name() {
    let mut list = asked("list", "pods", "");
    for (selector, selects) in [
        ("spec.nodeName=n1", true),
        ("spec.nodeName==n1,status.phase=Running", true),
        ("spec.nodeName=n11", false),
        ("spec.nodeName!=n1", false),
        ("", false),
    ] {
        list.field_selector = selector.into();
        assert_eq!(verbs::selects_node("n1", &list), selects, "{selector}");
    }
}

#[test]
fn a_node_leases_only_itself() {
    let mut lease = asked("update", "leases", "n1");
    lease.namespace = LEASES.into();
    assert_eq!(verbs::lease("n1", &lease), Ok(()));
    assert!(verbs::lease("n2", &lease).is_err());
    lease.namespace = "kube-system".into();
    assert!(verbs::lease("n1", &lease).is_err());
}
