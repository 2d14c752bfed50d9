//! Networks that lose requests, answers and streams. `STYR_SEED` repeats a run.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use styr_cluster_tests::{Faults, run_with};

use crate::workloads::{deployment, is_ready, is_rolled_out};

#[test]
fn a_deployment_rolls_out_over_a_bad_network() {
    run_with(Faults::seeded, async |cluster| {
        cluster.start();
        cluster.node("one").await;
        cluster.node("two").await;
        let _: Deployment = cluster.create(deployment(5)).await;
        cluster
            .until::<Deployment>("a rollout", |all| all.iter().all(|d| is_rolled_out(d)))
            .await;
        let patch = json!({ "spec": { "replicas": 3, "template": { "spec": { "containers": [
            { "name": "main", "image": "web:2" }] } } } });
        let client = cluster.client();
        let patched = client
            .strategic_patch::<Deployment>("default", "web", &patch)
            .await;
        let generation = patched.unwrap().metadata.generation;
        cluster
            .until::<Deployment>("the second rollout", |all| {
                all.iter()
                    .all(|d| d.metadata.generation == generation && is_rolled_out(d))
            })
            .await;
        // Whatever was done twice, or not known to be done, has been cleared up.
        cluster
            .until::<Pod>("three pods", |pods| {
                pods.len() == 3 && pods.iter().all(|pod| is_ready(pod))
            })
            .await;
        assert_eq!(cluster.list::<ReplicaSet>().await.len(), 2);
    });
}
