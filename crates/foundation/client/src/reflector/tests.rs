use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::client::Body;
use serde_json::{Value, json};
use styr_base::{Shutdown, SystemClock};

use crate::{Cache, Caches, Client, Scope};

/// What the server answers to one request after the other; then it hangs.
type Script = Vec<(u16, String)>;

fn map(name: &str, version: &str) -> Value {
    json!({ "metadata": { "name": name, "namespace": "default", "uid": name,
        "resourceVersion": version, "managedFields": [{ "manager": "m" }] } })
}

fn frame(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({ "type": kind, "object": object }))
}

fn initial_end(version: &str) -> String {
    frame(
        "BOOKMARK",
        &json!({ "metadata": { "resourceVersion": version,
        "annotations": { "k8s.io/initial-events-end": "true" } } }),
    )
}

/// A cache over a scripted server, and the paths that were asked for.
fn cache(script: Script) -> (Cache<ConfigMap>, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let answers = Arc::new(Mutex::new(script.into_iter()));
    let service = tower::service_fn(move |request: Request<Body>| {
        log.lock().unwrap().push(request.uri().to_string());
        let answer = answers.lock().unwrap().next();
        async move {
            let Some((code, text)) = answer else {
                return std::future::pending().await;
            };
            let response = Response::builder().status(code);
            Ok::<_, std::convert::Infallible>(response.body(Full::from(text)).unwrap())
        }
    });
    let client = Client::over_service(service);
    let caches = Caches::new(client, SystemClock::shared(), Shutdown::new());
    (caches.cache(Scope::all()), asked)
}

fn names(cache: &Cache<ConfigMap>) -> Vec<String> {
    cache
        .list()
        .iter()
        .filter_map(|map| map.metadata.name.clone())
        .collect()
}

async fn until(cache: &Cache<ConfigMap>, expected: &[&str]) {
    let mut changes = cache.subscribe();
    let wait = async {
        while names(cache) != expected {
            changes.next().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(5), wait).await;
    assert!(
        waited.is_ok(),
        "expected {expected:?}, found {:?}",
        names(cache)
    );
}

#[tokio::test]
async fn fills_from_a_streamed_list_and_follows_it() {
    let stream = [
        frame("ADDED", &map("a", "1")),
        frame("ADDED", &map("b", "2")),
        initial_end("5"),
        frame("ADDED", &map("c", "6")),
        frame("DELETED", &map("a", "7")),
    ];
    let (cache, asked) = cache(vec![(200, stream.concat())]);
    cache.synced().await;
    until(&cache, &["b", "c"]).await;
    let object = cache.get(Some("default"), "b").unwrap();
    assert_eq!(object.metadata.managed_fields, None);
    assert!(asked.lock().unwrap()[0].contains("sendInitialEvents=true"));
}

#[tokio::test]
async fn continues_a_stream_that_ended_where_it_was() {
    let first = frame("ADDED", &map("a", "1")) + &initial_end("5");
    let second = frame("ADDED", &map("b", "6"));
    let (cache, asked) = cache(vec![(200, first), (200, second)]);
    until(&cache, &["a", "b"]).await;
    assert!(asked.lock().unwrap()[1].contains("resourceVersion=5"));
}

#[tokio::test]
async fn lists_again_when_history_is_lost() {
    let first =
        frame("ADDED", &map("a", "1")) + &frame("ADDED", &map("b", "2")) + &initial_end("5");
    let gone = frame(
        "ERROR",
        &json!({ "kind": "Status", "status": "Failure", "code": 410 }),
    );
    let second = frame("ADDED", &map("b", "2")) + &initial_end("9");
    let (cache, asked) = cache(vec![(200, first), (200, gone), (200, second)]);
    until(&cache, &["b"]).await;
    let asked = asked.lock().unwrap();
    assert!(asked[1].contains("resourceVersion=5"));
    assert!(asked[2].contains("sendInitialEvents=true"));
}

#[tokio::test]
async fn pages_where_the_server_cannot_stream_lists() {
    let refused = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 422,
        "reason": "Invalid", "message": "sendInitialEvents is forbidden" });
    let page = json!({ "metadata": { "resourceVersion": "5", "continue": "t" },
        "items": [map("a", "1")] });
    let rest = json!({ "metadata": { "resourceVersion": "5" }, "items": [map("b", "2")] });
    let script = vec![
        (422, refused.to_string()),
        (200, page.to_string()),
        (200, rest.to_string()),
    ];
    let (cache, asked) = cache(script);
    cache.synced().await;
    assert_eq!(names(&cache), ["a", "b"]);
    assert!(asked.lock().unwrap()[2].contains("continue=t"));
}

#[test]
fn reads_a_service_with_a_time_that_is_null() {
    let text = json!({
        "metadata": { "name": "a", "ownerReferences": null },
        "status": { "conditions": [{
            "type": "T", "status": "True", "reason": "R", "message": "", "lastTransitionTime": null,
        }] },
    });
    let service: Service = super::decode::decode(&text.to_string()).unwrap();
    let status = service.status.unwrap();
    assert_eq!(status.conditions.unwrap()[0].type_, "T");
}
