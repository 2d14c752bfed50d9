//! The rules of writes: who wins, what is kept, and when an object goes.

use serde_json::json;

use crate::server::TestServer;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn a_name_is_taken_once() {
    let server = TestServer::start().await;
    let object = json!({ "metadata": { "name": "a" } });
    assert_eq!(server.post(MAPS, &object).await.code, 201);
    let second = server.post(MAPS, &object).await;
    assert_eq!(second.code, 409);
    assert_eq!(second.body["message"], "configmaps \"a\" already exists");
}

#[tokio::test]
async fn a_generated_name_begins_as_asked() {
    let server = TestServer::start().await;
    let object = json!({ "metadata": { "generateName": "a-" } });
    let answer = server.post(MAPS, &object).await;
    let name = answer.body["metadata"]["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    assert!(name.starts_with("a-") && name.len() == 7, "{name}");
}

#[tokio::test]
async fn an_update_of_an_old_version_is_a_conflict() {
    let server = TestServer::start().await;
    let mut object = server
        .post(MAPS, &json!({ "metadata": { "name": "a" } }))
        .await
        .body;
    let one = format!("{MAPS}/a");
    server.merge(&one, &json!({ "data": { "k": "v" } })).await;
    let refused = server.put(&one, &object).await;
    assert_eq!(
        (refused.code, refused.body["reason"].as_str()),
        (409, Some("Conflict"))
    );
    object["metadata"]["resourceVersion"] = "".into();
    assert_eq!(
        server.put(&one, &object).await.code,
        200,
        "without a version the last one wins"
    );
}

#[tokio::test]
async fn an_update_that_changes_nothing_writes_nothing() {
    let server = TestServer::start().await;
    let object = server
        .post(MAPS, &json!({ "metadata": { "name": "a" } }))
        .await
        .body;
    let again = server.put(&format!("{MAPS}/a"), &object).await.body;
    assert_eq!(
        again["metadata"]["resourceVersion"],
        object["metadata"]["resourceVersion"]
    );
}

#[tokio::test]
async fn an_object_with_finalizers_goes_with_the_last_of_them() {
    let server = TestServer::start().await;
    let object = json!({ "metadata": { "name": "a", "finalizers": ["x.io/y"] } });
    server.post(MAPS, &object).await;
    let one = format!("{MAPS}/a");
    let deleted = server.delete(&one).await;
    assert_eq!(deleted.code, 200);
    assert!(deleted.body["metadata"]["deletionTimestamp"].is_string());
    let added = server
        .merge(
            &one,
            &json!({ "metadata": { "finalizers": ["x.io/y", "x.io/z"] } }),
        )
        .await;
    assert_eq!(added.code, 422);
    server
        .merge(&one, &json!({ "metadata": { "finalizers": null } }))
        .await;
    assert_eq!(server.get(&one).await.code, 404);
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let server = TestServer::start().await;
    let object = json!({ "metadata": { "name": "a" } });
    assert_eq!(
        server
            .post(&format!("{MAPS}?dryRun=All"), &object)
            .await
            .code,
        201
    );
    assert_eq!(server.get(&format!("{MAPS}/a")).await.code, 404);
    server.post(MAPS, &object).await;
    assert_eq!(
        server.delete(&format!("{MAPS}/a?dryRun=All")).await.code,
        200
    );
    assert_eq!(server.get(&format!("{MAPS}/a")).await.code, 200);
}

#[tokio::test]
async fn unknown_fields_are_warned_about_or_refused() {
    let server = TestServer::start().await;
    let object = json!({ "metadata": { "name": "a" }, "nope": 1 });
    let refused = server
        .post(&format!("{MAPS}?fieldValidation=Strict"), &object)
        .await;
    assert_eq!(refused.code, 400);
    let warned = server.post(MAPS, &object).await;
    assert_eq!(warned.code, 201);
    let warning = warned
        .headers
        .get("warning")
        .expect("a warning")
        .to_str()
        .expect("text");
    assert_eq!(warning, "299 - \"unknown field \\\"nope\\\"\"");
}

#[tokio::test]
async fn preconditions_of_a_deletion_hold() {
    let server = TestServer::start().await;
    server
        .post(MAPS, &json!({ "metadata": { "name": "a" } }))
        .await;
    let one = format!("{MAPS}/a");
    let body = json!({ "preconditions": { "uid": "other" } }).to_string();
    let refused = server.send("DELETE", &one, "application/json", &body).await;
    assert_eq!(refused.code, 409);
    assert_eq!(server.get(&one).await.code, 200);
}

#[tokio::test]
async fn services_get_addresses_and_give_them_back() {
    let server = TestServer::start().await;
    let services = "/api/v1/namespaces/default/services";
    let service = |name: &str| {
        json!({
            "metadata": { "name": name },
            "spec": { "clusterIP": "10.0.0.77", "ports": [{ "port": 80 }], "selector": { "a": "b" } },
        })
    };
    assert_eq!(server.post(services, &service("one")).await.code, 201);
    let refused = server.post(services, &service("two")).await;
    assert_eq!(refused.code, 422);
    let message = refused.body["message"].as_str().expect("a message");
    assert!(
        message.contains("failed to allocate IP 10.0.0.77: provided IP is already allocated"),
        "{message}"
    );
    server.delete(&format!("{services}/one")).await;
    assert_eq!(server.post(services, &service("two")).await.code, 201);
}
