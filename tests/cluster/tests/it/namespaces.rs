//! Namespaces and what is in them.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::{Value, json};
use styr_client::Object;
use styr_cluster_tests::{Cluster, run};

use crate::workloads::{deployment, is_rolled_out};

fn within(namespace: &str, mut tree: Value) -> Value {
    tree["metadata"]["namespace"] = json!(namespace);
    tree
}

async fn left<K: Object>(cluster: &Cluster) -> usize {
    let objects = cluster.list::<K>().await.into_iter();
    objects
        .filter(|object| object.metadata().namespace.as_deref() == Some("work"))
        .count()
}

#[test]
fn a_namespace_goes_with_all_that_is_in_it() {
    run(async |cluster| {
        cluster.start();
        cluster.node("one").await;
        let _: Namespace = cluster
            .create(json!({ "metadata": { "name": "work" } }))
            .await;
        // Every namespace has an account, without which no pod can be made.
        cluster
            .until::<k8s_openapi::api::core::v1::ServiceAccount>("an account", |all| {
                all.iter()
                    .any(|a| a.metadata.namespace.as_deref() == Some("work"))
            })
            .await;
        let _: Deployment = cluster.create(within("work", deployment(2))).await;
        let named = json!({ "metadata": { "name": "kept", "finalizers": ["test/keep"] } });
        let _: ConfigMap = cluster.create(within("work", named.clone())).await;
        let _: Secret = cluster
            .create(within("work", json!({ "metadata": { "name": "s" } })))
            .await;
        let service = json!({
            "metadata": { "name": "web" },
            "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
        });
        let _: Service = cluster.create(within("work", service)).await;
        cluster
            .until::<Deployment>("a rollout", |all| all.iter().all(|d| is_rolled_out(d)))
            .await;
        let client = cluster.client();
        let options = DeleteOptions::default();
        client
            .delete::<Namespace>("", "work", &options)
            .await
            .unwrap();
        // What somebody else has to finish is waited for, and the rest goes meanwhile.
        cluster
            .until::<Pod>("no pods", |pods| pods.is_empty())
            .await;
        cluster
            .until::<Namespace>("a condition that names the finalizer", |all| {
                let work = all
                    .iter()
                    .find(|n| n.metadata.name.as_deref() == Some("work"));
                let status = work
                    .and_then(|work| work.status.clone())
                    .unwrap_or_default();
                status.conditions.iter().flatten().any(|condition| {
                    condition.type_ == "NamespaceFinalizersRemaining" && condition.status == "True"
                })
            })
            .await;
        let done = json!({ "metadata": { "finalizers": null } });
        client
            .merge_patch::<ConfigMap>("work", "kept", &done)
            .await
            .unwrap();
        cluster
            .until::<Namespace>("its end", |all| {
                all.iter()
                    .all(|n| n.metadata.name.as_deref() != Some("work"))
            })
            .await;
        let all = [
            left::<Deployment>(&cluster).await,
            left::<ConfigMap>(&cluster).await,
            left::<Secret>(&cluster).await,
            left::<Service>(&cluster).await,
        ];
        assert_eq!(all, [0; 4]);
    });
}
