//! Workloads: Deployments, DaemonSets, StatefulSets and Jobs reach what they are asked for.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use styr_cluster_tests::run;

pub(crate) fn template(labels: &Value, image: &str) -> Value {
    json!({
        "metadata": { "labels": labels },
        "spec": { "containers": [{ "name": "main", "image": image }] },
    })
}

pub(crate) fn deployment(replicas: i32) -> Value {
    let labels = json!({ "app": "web" });
    json!({
        "metadata": { "namespace": "default", "name": "web" },
        "spec": {
            "replicas": replicas, "selector": { "matchLabels": labels },
            "template": template(&labels, "web:1"),
        },
    })
}

/// All replicas are there, new, and available, and the controller knows it.
pub(crate) fn is_rolled_out(deployment: &Deployment) -> bool {
    let wanted = deployment.spec.replicas;
    let status = deployment.status.clone().unwrap_or_default();
    status.observed_generation == deployment.metadata.generation
        && status.updated_replicas == wanted
        && status.available_replicas == wanted
        && status.replicas == wanted
}

pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[test]
fn a_deployment_rolls_out_and_back() {
    run(async |cluster| {
        cluster.start();
        cluster.node("one").await;
        cluster.node("two").await;
        let made: Deployment = cluster.create(deployment(4)).await;
        cluster
            .until::<Deployment>("the first rollout", |all| {
                all.iter().all(|d| is_rolled_out(d))
            })
            .await;
        let image = |image: &str| {
            json!({ "spec": { "template": { "spec": { "containers": [
                { "name": "main", "image": image }] } } } })
        };
        for version in ["web:2", "web:1"] {
            let patch = image(version);
            let client = cluster.client();
            let patched = client
                .strategic_patch::<Deployment>("default", "web", &patch)
                .await;
            let generation = patched.unwrap().metadata.generation;
            assert!(generation > made.metadata.generation);
            cluster
                .until::<Deployment>("a rollout", |all| {
                    all.iter()
                        .all(|d| d.metadata.generation == generation && is_rolled_out(d))
                })
                .await;
        }
        let sets = cluster.list::<ReplicaSet>().await;
        let mut replicas: Vec<_> = sets.iter().map(|set| set.spec.replicas).collect();
        replicas.sort_unstable();
        assert_eq!(replicas, [Some(0), Some(4)]);
    });
}

#[test]
fn a_daemon_set_reaches_each_node_also_a_later_one() {
    run(async |cluster| {
        cluster.start();
        cluster.node("one").await;
        let labels = json!({ "app": "agent" });
        let _: DaemonSet = cluster
            .create(json!({
                "metadata": { "namespace": "default", "name": "agent" },
                "spec": { "selector": { "matchLabels": labels },
                          "template": template(&labels, "agent:1") },
            }))
            .await;
        cluster
            .until::<Pod>("a pod", |pods| {
                pods.iter().filter(|pod| is_ready(pod)).count() == 1
            })
            .await;
        cluster.node("two").await;
        cluster
            .until::<Pod>("a pod on each node", |pods| {
                let mut nodes: Vec<_> = pods
                    .iter()
                    .filter(|pod| is_ready(pod))
                    .filter_map(|pod| pod.spec.as_ref()?.node_name.as_deref())
                    .collect();
                nodes.sort_unstable();
                nodes == ["one", "two"]
            })
            .await;
    });
}

#[test]
fn a_stateful_set_goes_up_and_down_in_order() {
    run(async |cluster| {
        cluster.start();
        cluster.node("one").await;
        let labels = json!({ "app": "db" });
        let _: StatefulSet = cluster
            .create(json!({
                "metadata": { "namespace": "default", "name": "db" },
                "spec": { "replicas": 3, "serviceName": "db",
                          "selector": { "matchLabels": labels },
                          "template": template(&labels, "db:1") },
            }))
            .await;
        // No pod exists before the one below it is ready.
        let in_order = |pods: &[Arc<Pod>]| {
            let last = pods.len().saturating_sub(1);
            pods.iter().take(last).all(|pod| is_ready(pod))
        };
        cluster
            .until::<Pod>("three pods", |pods| {
                assert!(in_order(pods));
                pods.len() == 3 && pods.iter().all(|pod| is_ready(pod))
            })
            .await;
        let patch = json!({ "spec": { "replicas": 1 } });
        let client = cluster.client();
        client
            .merge_patch::<StatefulSet>("default", "db", &patch)
            .await
            .unwrap();
        cluster
            .until::<Pod>("one pod", |pods| {
                let names: Vec<_> = pods
                    .iter()
                    .filter_map(|pod| pod.metadata.name.as_deref())
                    .collect();
                assert_eq!(names, ["db-0", "db-1", "db-2"][..names.len()]);
                names.len() == 1
            })
            .await;
    });
}

#[test]
fn a_job_completes() {
    run(async |cluster| {
        cluster.start();
        cluster.node("one").await;
        let _: Job = cluster
            .create(json!({
                "metadata": { "namespace": "default", "name": "sum" },
                "spec": { "completions": 3, "parallelism": 2, "template": { "spec": {
                    "restartPolicy": "Never",
                    "containers": [{ "name": "main", "image": "sum:1" }],
                } } },
            }))
            .await;
        cluster
            .until::<Job>("completion", |jobs| {
                let status = jobs[0].status.clone().unwrap_or_default();
                let conditions = status.conditions.unwrap_or_default();
                let is_complete = conditions
                    .iter()
                    .any(|c| c.type_ == "Complete" && c.status == "True");
                is_complete && status.succeeded == Some(3) && status.active.unwrap_or(0) == 0
            })
            .await;
    });
}

#[test]
fn a_cron_job_makes_a_job_each_minute_and_keeps_the_newest() {
    run(async |cluster| {
        cluster.start();
        cluster.node("one").await;
        let _: CronJob = cluster
            .create(json!({
                "metadata": { "namespace": "default", "name": "tick" },
                "spec": {
                    "schedule": "* * * * *", "successfulJobsHistoryLimit": 2,
                    "jobTemplate": { "spec": { "template": { "spec": {
                        "restartPolicy": "Never",
                        "containers": [{ "name": "main", "image": "tick:1" }],
                    } } } },
                },
            }))
            .await;
        cluster
            .pass(std::time::Duration::from_secs(10 * 60 + 30))
            .await;
        // The clock began at midnight on the first of January 2026.
        let mut names: Vec<_> = cluster
            .list::<Job>()
            .await
            .iter()
            .filter_map(|job| job.metadata.name.clone())
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["tick-29453769", "tick-29453770"]);
    });
}
