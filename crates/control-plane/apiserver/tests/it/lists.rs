//! The rules of lists: one revision for all pages, and a clear answer when it is gone.

use serde_json::{Value, json};

use crate::server::TestServer;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn with_maps(count: usize) -> TestServer {
    let server = TestServer::start().await;
    for index in 0..count {
        let name = format!("m{index:02}");
        let label = if index % 2 == 0 { "even" } else { "odd" };
        let object = json!({ "metadata": { "name": name, "labels": { "parity": label } } });
        assert_eq!(server.post(MAPS, &object).await.code, 201);
    }
    server
}

fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .map(|it| it["metadata"]["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test]
async fn pages_show_one_revision_whatever_is_written_meanwhile() {
    let server = with_maps(5).await;
    let first = server.get(&format!("{MAPS}?limit=2")).await.body;
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    server.delete(&format!("{MAPS}/m03")).await;
    server
        .post(MAPS, &json!({ "metadata": { "name": "m02b" } }))
        .await;
    let token = first["metadata"]["continue"].as_str().expect("a token");
    let rest = server
        .get(&format!("{MAPS}?limit=10&continue={token}"))
        .await
        .body;
    assert_eq!(names(&rest), ["m02", "m03", "m04"]);
    assert_eq!(
        rest["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
}

#[tokio::test]
async fn selectors_choose_by_labels_and_fields() {
    let server = with_maps(4).await;
    let odd = server
        .get(&format!("{MAPS}?labelSelector=parity%20in%20(odd)"))
        .await
        .body;
    assert_eq!(names(&odd), ["m01", "m03"]);
    let one = server
        .get(&format!("{MAPS}?fieldSelector=metadata.name%3Dm02"))
        .await
        .body;
    assert_eq!(names(&one), ["m02"]);
    let refused = server
        .get(&format!("{MAPS}?fieldSelector=data.x%3D1"))
        .await;
    assert_eq!(refused.code, 400);
}

#[tokio::test]
async fn an_exact_revision_shows_the_past() {
    let server = with_maps(2).await;
    let past = server.get(MAPS).await.body;
    let revision = past["metadata"]["resourceVersion"]
        .as_str()
        .expect("a revision")
        .to_owned();
    server.delete(&format!("{MAPS}/m00")).await;
    let path = format!("{MAPS}?resourceVersion={revision}&resourceVersionMatch=Exact");
    let exact = server.get(&path).await.body;
    assert_eq!(names(&exact), ["m00", "m01"]);
    assert_eq!(exact["metadata"]["resourceVersion"], revision);
}

#[tokio::test]
async fn options_are_checked_as_upstream_does() {
    let server = with_maps(0).await;
    let bad = server
        .get(&format!("{MAPS}?resourceVersionMatch=Exact"))
        .await;
    assert_eq!(bad.code, 422);
    assert_eq!(
        bad.body["message"],
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: \
         resourceVersionMatch is forbidden unless resourceVersion is provided"
    );
    assert_eq!(server.get(&format!("{MAPS}?continue=x")).await.code, 400);
}

#[tokio::test]
async fn items_have_no_type_and_objects_have() {
    let server = with_maps(1).await;
    let list = server.get(MAPS).await.body;
    assert_eq!(list["kind"], "ConfigMapList");
    assert!(list["items"][0]["kind"].is_null());
    let one = server.get(&format!("{MAPS}/m00")).await.body;
    assert_eq!(
        (one["kind"].as_str(), one["apiVersion"].as_str()),
        (Some("ConfigMap"), Some("v1"))
    );
}

#[tokio::test]
async fn each_version_of_events_selects_by_its_own_names_of_fields() {
    let server = TestServer::start().await;
    let event = json!({
        "metadata": { "name": "e" },
        "regarding": { "kind": "Pod", "namespace": "default", "name": "p" },
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "test-controller",
        "reportingInstance": "i",
        "action": "Do",
        "reason": "Done",
        "type": "Normal",
    });
    let new = "/apis/events.k8s.io/v1/namespaces/default/events";
    assert_eq!(server.post(new, &event).await.code, 201);
    let old = "/api/v1/namespaces/default/events";
    for (path, selector, found) in [
        (new, "reportingController%3Dtest-controller", 1),
        (new, "regarding.name%3Dother", 0),
        (old, "reportingComponent%3Dtest-controller", 1),
        (old, "source%3Dtest-controller", 1),
    ] {
        let list = server
            .get(&format!("{path}?fieldSelector={selector}"))
            .await;
        assert_eq!(names(&list.body).len(), found, "{path} {selector}");
    }
    let foreign = format!("{new}?fieldSelector=reportingComponent%3Dx");
    assert_eq!(server.get(&foreign).await.code, 400);
}
