//! The rules of tables of what is not stored: `kubectl get` prints them with columns of their own.

use serde_json::{Value, json};

use crate::server::TestServer;

fn columns(table: &Value) -> Vec<String> {
    let columns = table["columnDefinitions"].as_array().expect("columns");
    let name = |column: &Value| column["name"].as_str().expect("a name").to_owned();
    columns.iter().map(name).collect()
}

#[tokio::test]
async fn a_scale_shows_how_many_are_wanted_and_how_many_there_are() {
    let server = TestServer::start().await;
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let template = json!({
        "metadata": { "labels": { "a": "b" } },
        "spec": { "containers": [{ "name": "c", "image": "i" }] },
    });
    let deployment = json!({
        "metadata": { "name": "web" },
        "spec": { "replicas": 3, "selector": { "matchLabels": { "a": "b" } }, "template": template },
    });
    assert_eq!(server.post(deployments, &deployment).await.code, 201);
    let table = server.table(&format!("{deployments}/web/scale")).await.body;
    assert_eq!(columns(&table), ["Name", "Desired", "Available", "Age"]);
    assert_eq!(table["rows"][0]["cells"], json!(["web", 3, 0, "0s"]));
    let row = &table["rows"][0]["object"];
    assert_eq!(row["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn a_component_shows_its_health() {
    let server = TestServer::start().await;
    let table = server.table("/api/v1/componentstatuses").await.body;
    assert_eq!(columns(&table), ["Name", "Status", "Message", "Error"]);
    let healthy = json!(["etcd-0", "Healthy", "ok", ""]);
    assert_eq!(table["rows"][0]["cells"], healthy);
    let refused = server.table("/api/v1/componentstatuses/nothing").await;
    assert_eq!(refused.code, 404);
    assert_eq!(refused.body["kind"], "Status", "refusals are no tables");
}

#[tokio::test]
async fn advice_against_a_kind_comes_with_refusals_too() {
    let server = TestServer::start().await;
    let path = "/api/v1/namespaces/default/endpoints/nothing";
    let refused = server.get(path).await;
    assert_eq!(refused.code, 404);
    let warning = refused.headers.get("warning").expect("a warning");
    let warning = warning.to_str().expect("text");
    assert!(warning.contains("Endpoints is deprecated"), "{warning}");
}
