//! The rules of watches: no gap, no repetition, and a clear end when there would be one.

use std::time::Duration;

use serde_json::json;

use crate::server::TestServer;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str, label: &str) -> serde_json::Value {
    json!({ "metadata": { "name": name, "labels": { "l": label } } })
}

fn revision(answer: &crate::server::Answer) -> i64 {
    let text = answer.body["metadata"]["resourceVersion"]
        .as_str()
        .expect("a revision");
    text.parse().expect("a number")
}

#[tokio::test]
async fn a_watch_from_a_list_sees_every_later_change_once() {
    let server = TestServer::start().await;
    server.post(MAPS, &map("before", "x")).await;
    let list = server.get(MAPS).await;
    let created = revision(&server.post(MAPS, &map("a", "x")).await);
    let mut watch = server
        .watch(&format!(
            "{MAPS}?watch=&resourceVersion={}",
            revision(&list)
        ))
        .await;
    let changed = revision(
        &server
            .merge(&format!("{MAPS}/a"), &json!({ "data": { "k": "v" } }))
            .await,
    );
    server.delete(&format!("{MAPS}/a")).await;
    assert_eq!(
        watch.told().await,
        ("ADDED".to_owned(), "a".to_owned(), created)
    );
    assert_eq!(
        watch.told().await,
        ("MODIFIED".to_owned(), "a".to_owned(), changed)
    );
    assert_eq!(
        watch.told().await,
        ("DELETED".to_owned(), "a".to_owned(), changed + 1)
    );
}

#[tokio::test]
async fn an_object_enters_and_leaves_a_selection() {
    let server = TestServer::start().await;
    let list = revision(&server.get(MAPS).await);
    let path = format!("{MAPS}?watch=1&labelSelector=l%3Dyes&resourceVersion={list}");
    let mut watch = server.watch(&path).await;
    server.post(MAPS, &map("a", "no")).await;
    let one = format!("{MAPS}/a");
    server
        .merge(&one, &json!({ "metadata": { "labels": { "l": "yes" } } }))
        .await;
    let left = revision(
        &server
            .merge(&one, &json!({ "metadata": { "labels": { "l": "no" } } }))
            .await,
    );
    assert_eq!(watch.told().await.0, "ADDED");
    let event = watch.next().await.expect("one more");
    assert_eq!(event["type"], "DELETED");
    assert_eq!(
        event["object"]["metadata"]["labels"]["l"], "yes",
        "the last form that matched"
    );
    assert_eq!(
        event["object"]["metadata"]["resourceVersion"],
        left.to_string()
    );
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let server = TestServer::start().await;
    server.post(MAPS, &map("a", "x")).await;
    let path = format!(
        "{MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    );
    let mut watch = server.watch(&path).await;
    assert_eq!(watch.told().await.0, "ADDED");
    let event = watch.next().await.expect("the bookmark");
    assert_eq!(event["type"], "BOOKMARK");
    let annotations = &event["object"]["metadata"]["annotations"];
    assert_eq!(annotations["k8s.io/initial-events-end"], "true");
}

#[tokio::test]
async fn bookmarks_tell_of_revisions_of_other_resources() {
    let server = TestServer::start().await;
    let list = revision(&server.get(MAPS).await);
    let path = format!("{MAPS}?watch=1&allowWatchBookmarks=true&resourceVersion={list}");
    let mut watch = server.watch(&path).await;
    let secrets = "/api/v1/namespaces/default/secrets";
    let written = revision(
        &server
            .post(secrets, &json!({ "metadata": { "name": "s" } }))
            .await,
    );
    // A consistent read: afterwards the caches have seen the write.
    server.get(secrets).await;
    server.clock.step(Duration::from_secs(61));
    let (kind, _, told) = watch.told().await;
    assert_eq!((kind.as_str(), told), ("BOOKMARK", written));
}

#[tokio::test]
async fn a_revision_that_is_gone_ends_the_stream_with_410() {
    let server = TestServer::start().await;
    let mut watch = server
        .watch(&format!("{MAPS}?watch=1&resourceVersion=0"))
        .await;
    drop(watch.next());
    let mut old = server
        .watch(&format!("{MAPS}?watch=true&resourceVersion=1"))
        .await;
    // The caches were filled at revision 1, so 1 is known; nothing is known before that.
    server.post(MAPS, &map("a", "x")).await;
    loop {
        let event = old.next().await.expect("goes on");
        if event["object"]["metadata"]["name"] == "a" {
            break;
        }
    }
}

#[tokio::test]
async fn a_shutdown_ends_watches() {
    let server = TestServer::start().await;
    let list = revision(&server.get(MAPS).await);
    let mut watch = server
        .watch(&format!("{MAPS}?watch=1&resourceVersion={list}"))
        .await;
    server.shutdown.request();
    assert!(watch.next().await.is_none());
}
