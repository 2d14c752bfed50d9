use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use serde_json::{Value, json};

use super::super::set::Set;
use super::{Observed, Plan, plan};

fn deployment(replicas: i32, strategy: &Value) -> Deployment {
    serde_json::from_value(json!({
        "metadata": { "name": "web", "namespace": "default", "uid": "u", "generation": 1 },
        "spec": {
            "replicas": replicas, "strategy": strategy, "progressDeadlineSeconds": 600,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "c", "image": "new" }] },
            },
        },
    }))
    .unwrap()
}

fn rolling(surge: &Value, unavailable: &Value) -> Value {
    json!({ "type": "RollingUpdate", "rollingUpdate": {
        "maxSurge": surge, "maxUnavailable": unavailable } })
}

fn set(image: &str, replicas: i32, available: i32, desired: i32) -> Set {
    let object: ReplicaSet = serde_json::from_value(json!({
        "metadata": {
            "name": format!("web-{image}"), "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {
                "deployment.kubernetes.io/desired-replicas": desired.to_string(),
                "deployment.kubernetes.io/max-replicas": (desired + 1).to_string(),
                "deployment.kubernetes.io/revision": "1",
            },
        },
        "spec": {
            "replicas": replicas, "selector": {},
            "template": {
                "metadata": { "labels": { "app": "web", "pod-template-hash": image } },
                "spec": { "containers": [{ "name": "c", "image": image }] },
            },
        },
        "status": { "replicas": replicas, "availableReplicas": available, "readyReplicas": available },
    }))
    .unwrap();
    Set::existing(Arc::new(object), replicas > 0)
}

fn pass(deployment: Deployment, sets: Vec<Set>) -> Plan {
    let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
    let observed = Observed {
        deployment: Arc::new(deployment),
        sets,
    };
    plan(&observed, now)
}

/// Name (`+` if it is to be created) and size of every set.
fn sizes(plan: &Plan) -> Vec<(String, i32)> {
    let name = |set: &Set| match set.to_create() {
        Some(_) => "+".to_owned(),
        None => set.name().to_owned(),
    };
    plan.sets
        .iter()
        .map(|set| (name(set), set.replicas()))
        .collect()
}

#[test]
fn a_new_deployment_gets_a_set_of_its_size() {
    let plan = pass(
        deployment(3, &rolling(&json!("25%"), &json!("25%"))),
        vec![],
    );
    assert_eq!(sizes(&plan), [("+".to_owned(), 3)]);
    assert_eq!(plan.revision.as_deref(), Some("1"));
    let conditions = plan.status.conditions.unwrap();
    let reasons: Vec<_> = conditions
        .iter()
        .filter_map(|c| c.reason.as_deref())
        .collect();
    assert_eq!(
        reasons,
        ["MinimumReplicasUnavailable", "NewReplicaSetCreated"]
    );
}

#[test]
fn a_new_template_gets_what_the_surge_allows_and_old_pods_go_as_availability_allows() {
    let plan = pass(
        deployment(10, &rolling(&json!(3), &json!(2))),
        vec![set("old", 10, 10, 10)],
    );
    assert_eq!(
        sizes(&plan),
        [("web-old".to_owned(), 8), ("+".to_owned(), 3)]
    );
    assert_eq!(plan.revision.as_deref(), Some("2"));
}

#[test]
fn keeps_old_pods_until_new_ones_are_available() {
    let sets = vec![set("old", 3, 3, 3), set("new", 1, 0, 3)];
    let plan = pass(deployment(3, &rolling(&json!(1), &json!(0))), sets);
    assert_eq!(
        sizes(&plan),
        [("web-old".to_owned(), 3), ("web-new".to_owned(), 1)]
    );
}

#[test]
fn removes_old_pods_that_serve_nobody_first() {
    let sets = vec![set("old", 3, 1, 3), set("new", 1, 1, 3)];
    let plan = pass(deployment(3, &rolling(&json!(1), &json!(1))), sets);
    assert_eq!(
        sizes(&plan),
        [("web-old".to_owned(), 1), ("web-new".to_owned(), 1)]
    );
}

#[test]
fn scales_in_proportion_while_rolling() {
    let mut old = set("old", 8, 8, 10);
    old.set_sizes(10, 13);
    let mut new = set("new", 5, 5, 10);
    new.set_sizes(10, 13);
    let plan = pass(
        deployment(15, &rolling(&json!(3), &json!(2))),
        vec![old, new],
    );
    let total: i32 = sizes(&plan).iter().map(|(_, size)| size).sum();
    assert_eq!(total, 18);
    assert_eq!(
        sizes(&plan),
        [("web-old".to_owned(), 11), ("web-new".to_owned(), 7)]
    );
}

#[test]
fn recreate_waits_for_the_last_old_pod() {
    let plan = pass(
        deployment(2, &json!({ "type": "Recreate" })),
        vec![set("old", 2, 2, 2)],
    );
    assert_eq!(sizes(&plan), [("web-old".to_owned(), 0)]);
    let gone = vec![set("old", 0, 0, 2)];
    let plan = pass(deployment(2, &json!({ "type": "Recreate" })), gone);
    assert_eq!(
        sizes(&plan),
        [("web-old".to_owned(), 0), ("+".to_owned(), 2)]
    );
}

#[test]
fn a_paused_deployment_is_scaled_but_not_rolled() {
    let mut paused = deployment(5, &rolling(&json!(1), &json!(1)));
    paused.spec.paused = Some(true);
    let plan = pass(paused, vec![set("old", 3, 3, 3)]);
    assert_eq!(sizes(&plan), [("web-old".to_owned(), 5)]);
}
