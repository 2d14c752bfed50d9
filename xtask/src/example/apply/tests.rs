use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use serde_json::json;
use tower::service_fn;

use super::*;

/// What the server below was asked: method and path.
type Asked = Arc<Mutex<Vec<String>>>;

/// A server that knows ConfigMaps and namespaces, and has some already or not.
fn client(is_there: bool) -> (Client, Asked) {
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    let service = service_fn(move |request: Request<Body>| {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        log.lock().unwrap().push(format!("{method} {path}"));
        let resources = json!({ "resources": [
            { "name": "configmaps", "kind": "ConfigMap", "namespaced": true },
            { "name": "namespaces/status", "kind": "Namespace", "namespaced": false },
            { "name": "namespaces", "kind": "Namespace", "namespaced": false },
        ]});
        let missing = json!({ "kind": "Status", "status": "Failure", "code": 404,
            "reason": "NotFound", "message": "not found" });
        let (code, body) = match method {
            Method::GET if path == "/api/v1" => (200, resources),
            Method::GET if !is_there => (404, missing),
            _ => (200, json!({})),
        };
        let answer = Response::builder()
            .status(code)
            .body(Body::from(body.to_string().into_bytes()));
        std::future::ready(Ok::<_, std::convert::Infallible>(answer.unwrap()))
    });
    (Client::over_service(service), asked)
}

fn settings() -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "n" } })
}

#[tokio::test]
async fn what_is_missing_is_created() {
    let (client, asked) = client(false);
    assert_eq!(
        apply(&client, &settings()).await.unwrap(),
        ("ConfigMap a".into(), "created")
    );
    assert_eq!(
        asked.lock().unwrap()[2],
        "POST /api/v1/namespaces/n/configmaps"
    );
}

#[tokio::test]
async fn what_is_there_is_patched() {
    let (client, asked) = client(true);
    assert_eq!(apply(&client, &settings()).await.unwrap().1, "is there");
    assert_eq!(
        asked.lock().unwrap()[2],
        "PATCH /api/v1/namespaces/n/configmaps/a"
    );
}

#[tokio::test]
async fn what_is_in_no_namespace_is_not_looked_for_in_one() {
    let (client, asked) = client(false);
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "n" } });
    apply(&client, &namespace).await.unwrap();
    assert_eq!(asked.lock().unwrap()[2], "POST /api/v1/namespaces");
}

#[tokio::test]
async fn a_kind_that_the_server_does_not_know_is_named() {
    let (client, _) = client(false);
    let unknown = json!({ "apiVersion": "v1", "kind": "Gadget", "metadata": { "name": "a" } });
    let error = format!("{:#}", apply(&client, &unknown).await.unwrap_err());
    assert_eq!(
        error,
        "could not apply Gadget a: the server knows no Gadget of v1"
    );
}
