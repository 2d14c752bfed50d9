use serde_json::json;

use super::*;

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
