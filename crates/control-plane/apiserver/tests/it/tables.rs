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

#[tokio::test]
async fn flow_schemas_stand_in_the_order_in_which_they_are_asked() {
    let server = TestServer::start().await;
    let path = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas";
    let table = server.table(path).await.body;
    let rows = table["rows"].as_array().expect("rows");
    let first: Vec<&Value> = rows.iter().map(|row| &row["cells"][0]).take(2).collect();
    assert_eq!(first, ["exempt", "probes"]);
    assert_eq!(rows.last().expect("some")["cells"][0], "catch-all");
}

#[tokio::test]
async fn a_flow_schema_tells_whether_its_level_is_there() {
    let server = TestServer::start().await;
    let path = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas";
    let mut watch = server.watch(&format!("{path}?watch=1")).await;
    let schema = json!({
        "metadata": { "name": "dangling" },
        "spec": { "priorityLevelConfiguration": { "name": "nothing" } },
    });
    assert_eq!(server.post(path, &schema).await.code, 201);
    let told = loop {
        let event = watch.next().await.expect("the stream goes on");
        let object = &event["object"];
        let is_told = object["status"]["conditions"][0].is_object();
        if object["metadata"]["name"] == "dangling" && is_told {
            break object["status"]["conditions"][0].clone();
        }
    };
    assert_eq!(
        (&told["type"], &told["status"]),
        (&json!("Dangling"), &json!("True"))
    );
    assert_eq!(told["reason"], "NotFound");
}
