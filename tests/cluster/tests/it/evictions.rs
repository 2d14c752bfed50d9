//! Evictions and the budgets that limit them.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::json;
use styr_cluster_tests::run;

use crate::workloads::{deployment, is_ready, is_rolled_out};

fn allowed(budget: &PodDisruptionBudget) -> Option<i32> {
    budget.status.as_ref()?.disruptions_allowed
}

#[test]
fn a_budget_lets_one_pod_go_at_a_time() {
    run(async |cluster| {
        cluster.start();
        cluster.node("one").await;
        let _: Deployment = cluster.create(deployment(3)).await;
        let _: PodDisruptionBudget = cluster
            .create(json!({
                "metadata": { "namespace": "default", "name": "web" },
                "spec": { "maxUnavailable": 1,
                          "selector": { "matchLabels": { "app": "web" } } },
            }))
            .await;
        cluster
            .until::<Deployment>("a rollout", |all| all.iter().all(|d| is_rolled_out(d)))
            .await;
        cluster
            .until::<PodDisruptionBudget>("room for one", |all| allowed(&all[0]) == Some(1))
            .await;
        let client = cluster.client();
        let before = cluster.list::<Pod>().await;
        let evict = async |pod: &Pod| {
            let name = pod.metadata.name.clone().unwrap_or_default();
            client
                .evict("default", &name, &DeleteOptions::default())
                .await
        };
        evict(&before[0]).await.unwrap();
        let refused = evict(&before[1]).await.unwrap_err();
        assert_eq!(refused.code(), Some(429));
        // Its successor makes room for the next.
        cluster
            .until::<Pod>("three pods again", |pods| {
                let is_new = |pod: &std::sync::Arc<Pod>| pod.metadata.uid != before[0].metadata.uid;
                pods.iter()
                    .filter(|pod| is_ready(pod) && is_new(pod))
                    .count()
                    == 3
            })
            .await;
        cluster
            .until::<PodDisruptionBudget>("room again", |all| allowed(&all[0]) == Some(1))
            .await;
        evict(&before[1]).await.unwrap();
    });
}
