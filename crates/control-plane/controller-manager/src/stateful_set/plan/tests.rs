use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use serde_json::{Value, json};

use super::{Observed, Plan, Revision, plan};

fn revision(name: &str) -> Revision {
    Revision {
        name: name.to_owned(),
        template: PodTemplateSpec::default(),
    }
}

fn pod(ordinal: i32, revision: &str, is_ready: bool) -> Arc<Pod> {
    let ready = if is_ready { "True" } else { "False" };
    let name = format!("db-{ordinal}");
    let tree = json!({
        "metadata": { "name": name, "labels": {
            "controller-revision-hash": revision, "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": ordinal.to_string(),
        } },
        "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": ready }] },
    });
    Arc::new(serde_json::from_value(tree).unwrap())
}

fn pass(spec: &Value, pods: Vec<Arc<Pod>>) -> Plan {
    let mut tree =
        json!({ "metadata": { "name": "db" }, "spec": { "selector": {}, "template": {} } });
    for (field, value) in spec.as_object().unwrap() {
        tree["spec"][field] = value.clone();
    }
    let set: StatefulSet = serde_json::from_value(tree).unwrap();
    let observed = Observed {
        set: Arc::new(set),
        current: revision("old"),
        update: revision("new"),
        pods,
    };
    plan(&observed, Timestamp::UNIX_EPOCH)
}

fn created(plan: &Plan) -> Vec<i32> {
    plan.create.iter().map(|(ordinal, _)| *ordinal).collect()
}

fn deleted(plan: &Plan) -> Vec<&str> {
    plan.delete
        .iter()
        .filter_map(|pod| pod.metadata.name.as_deref())
        .collect()
}

#[test]
fn creates_one_after_the_other() {
    let spec = json!({ "replicas": 3 });
    assert_eq!(created(&pass(&spec, vec![])), [0]);
    assert_eq!(
        created(&pass(&spec, vec![pod(0, "new", false)])),
        Vec::<i32>::new()
    );
    assert_eq!(created(&pass(&spec, vec![pod(0, "new", true)])), [1]);
}

#[test]
fn creates_all_at_once_in_parallel() {
    let spec = json!({ "replicas": 3, "podManagementPolicy": "Parallel" });
    assert_eq!(created(&pass(&spec, vec![pod(1, "new", false)])), [0, 2]);
}

#[test]
fn removes_the_highest_first() {
    let pods = vec![
        pod(0, "new", true),
        pod(1, "new", true),
        pod(2, "new", true),
    ];
    assert_eq!(deleted(&pass(&json!({ "replicas": 1 }), pods)), ["db-2"]);
}

#[test]
fn updates_from_the_highest_down_to_the_partition() {
    let pods = || {
        vec![
            pod(0, "old", true),
            pod(1, "old", true),
            pod(2, "old", true),
        ]
    };
    assert_eq!(deleted(&pass(&json!({ "replicas": 3 }), pods())), ["db-2"]);
    let partition = json!({ "replicas": 3, "updateStrategy": {
        "type": "RollingUpdate", "rollingUpdate": { "partition": 3 } } });
    assert_eq!(deleted(&pass(&partition, pods())), Vec::<&str>::new());
}

#[test]
fn numbers_start_where_the_set_says() {
    assert_eq!(
        created(&pass(
            &json!({ "replicas": 1, "ordinals": { "start": 5 } }),
            vec![]
        )),
        [5]
    );
}

#[test]
fn an_update_is_over_when_all_are_new_and_ready() {
    let status = pass(&json!({ "replicas": 1 }), vec![pod(0, "new", true)]).status;
    assert_eq!(status.current_revision.as_deref(), Some("new"));
    assert_eq!(status.current_replicas, Some(1));
}

#[test]
fn a_pod_that_is_removed_for_an_update_no_longer_counts_as_current() {
    let plan = pass(
        &json!({ "replicas": 2 }),
        vec![pod(0, "old", true), pod(1, "old", true)],
    );
    assert_eq!(
        (deleted(&plan), plan.status.current_replicas),
        (vec!["db-1"], Some(1))
    );
}
