//! Service accounts and their tokens.

use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::json;
use styr_cluster_tests::run;
use styr_pki::service_account;

const TYPE: &str = "kubernetes.io/service-account-token";

#[test]
fn a_secret_gets_the_token_of_its_account_and_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("sa.key");
    std::fs::write(&key, service_account::generate().unwrap().0).unwrap();
    run(async |cluster| {
        let key = format!("--service-account-private-key-file={}", key.display());
        cluster.start_controllers(&["--leader-elect=false", &key]);
        let metadata = json!({ "namespace": "default", "name": "bot" });
        let _: ServiceAccount = cluster.create(json!({ "metadata": metadata })).await;
        let _: Secret = cluster
            .create(json!({
                "metadata": {
                    "namespace": "default", "name": "bot-token",
                    "annotations": { "kubernetes.io/service-account.name": "bot" },
                },
                "type": TYPE,
            }))
            .await;
        let is_filled = |secret: &Secret| {
            let data = secret.data.as_ref();
            data.is_some_and(|data| data.contains_key("token") && data.contains_key("namespace"))
        };
        cluster
            .until::<Secret>("a token", |all| all.iter().any(|secret| is_filled(secret)))
            .await;
        let options = DeleteOptions::default();
        let client = cluster.client();
        client
            .delete::<ServiceAccount>("default", "bot", &options)
            .await
            .unwrap();
        cluster
            .until::<Secret>("no token", |all| {
                !all.iter().any(|secret| is_filled(secret))
            })
            .await;
    });
}
