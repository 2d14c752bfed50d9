//! Claims and volumes.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::json;
use styr_cluster_tests::{Cluster, run};

use crate::workloads::is_ready;

const PATHS: &str = r#"{"nodePathMap": [
    {"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": ["/var/volumes"]}
]}"#;
const HELPER: &str = "{apiVersion: v1, kind: Pod, metadata: {name: helper-pod}, \
    spec: {containers: [{name: helper-pod, image: helper}]}}";

fn phase(claim: &PersistentVolumeClaim) -> Option<&str> {
    claim.status.as_ref()?.phase.as_deref()
}

async fn local_storage(cluster: &Cluster, folder: &Path) {
    std::fs::write(folder.join("config.json"), PATHS).expect("the paths are written");
    std::fs::write(folder.join("helperPod.yaml"), HELPER).expect("the helper is written");
    cluster.start();
    cluster.start_local_path(folder);
    cluster.node("one").await;
    let _: StorageClass = cluster
        .create(json!({
            "metadata": { "name": "local" }, "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
        }))
        .await;
}

#[test]
fn an_ephemeral_volume_comes_and_goes_with_its_pod() {
    let folder = tempfile::tempdir().unwrap();
    run(async |cluster| {
        local_storage(&cluster, folder.path()).await;
        let _: Pod = cluster
            .create(json!({
                "metadata": { "namespace": "default", "name": "first" },
                "spec": {
                    "containers": [{ "name": "main", "image": "db:1" }],
                    "volumes": [{ "name": "data", "ephemeral": { "volumeClaimTemplate": {
                        "spec": { "storageClassName": "local", "accessModes": ["ReadWriteOnce"],
                                  "resources": { "requests": { "storage": "1Gi" } } },
                    } } }],
                },
            }))
            .await;
        cluster
            .until::<Pod>("the pod runs", |pods| pods.iter().any(|pod| is_ready(pod)))
            .await;
        let claims = cluster.list::<PersistentVolumeClaim>().await;
        assert_eq!(claims[0].metadata.name.as_deref(), Some("first-data"));
        let options = DeleteOptions::default();
        let client = cluster.client();
        client
            .delete::<Pod>("default", "first", &options)
            .await
            .unwrap();
        cluster
            .until::<PersistentVolume>("no volume", |volumes| volumes.is_empty())
            .await;
        assert!(cluster.list::<PersistentVolumeClaim>().await.is_empty());
    });
}

#[test]
fn a_claim_waits_for_its_first_consumer_and_goes_with_its_volume() {
    let folder = tempfile::tempdir().unwrap();
    run(async |cluster| {
        local_storage(&cluster, folder.path()).await;
        let _: PersistentVolumeClaim = cluster
            .create(json!({
                "metadata": { "namespace": "default", "name": "data" },
                "spec": { "storageClassName": "local", "accessModes": ["ReadWriteOnce"],
                          "resources": { "requests": { "storage": "1Gi" } } },
            }))
            .await;
        cluster.pass(Duration::from_secs(60)).await;
        let claims = cluster.list::<PersistentVolumeClaim>().await;
        assert_eq!(phase(&claims[0]), Some("Pending"));
        let _: Pod = cluster
            .create(json!({
                "metadata": { "namespace": "default", "name": "first" },
                "spec": {
                    "containers": [{ "name": "main", "image": "db:1" }],
                    "volumes": [{ "name": "data",
                                  "persistentVolumeClaim": { "claimName": "data" } }],
                },
            }))
            .await;
        cluster
            .until::<Pod>("the consumer runs", |pods| {
                let first = pods
                    .iter()
                    .find(|pod| pod.metadata.name.as_deref() == Some("first"));
                first.is_some_and(|pod| is_ready(pod))
            })
            .await;
        let claims = cluster.list::<PersistentVolumeClaim>().await;
        assert_eq!(phase(&claims[0]), Some("Bound"));
        // The claim outlives its deletion for as long as the pod uses it; then all goes.
        let client = cluster.client();
        let options = DeleteOptions::default();
        client
            .delete::<PersistentVolumeClaim>("default", "data", &options)
            .await
            .unwrap();
        cluster.pass(Duration::from_secs(60)).await;
        assert_eq!(cluster.list::<PersistentVolumeClaim>().await.len(), 1);
        client
            .delete::<Pod>("default", "first", &options)
            .await
            .unwrap();
        cluster
            .until::<PersistentVolume>("no volume", |volumes| volumes.is_empty())
            .await;
        assert!(cluster.list::<PersistentVolumeClaim>().await.is_empty());
    });
}
