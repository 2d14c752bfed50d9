use std::convert::Infallible;

use super::{Arc, Body, Client, Connection, Mutex, Request, Response, due};

/// A server that answers every question about a version with its own.
fn server(version: &'static str) -> kube::Client {
    let answer = move |_: Request<Body>| async move {
        let text = format!(r#"{{"major":"1","minor":"37","gitVersion":"{version}"}}"#);
        Ok::<_, Infallible>(Response::new(Body::from(text.into_bytes())))
    };
    kube::Client::new(tower::service_fn(answer), "default")
}

async fn asked(client: &Client) -> serde_json::Value {
    let request = Request::get("/version").body(Vec::new()).unwrap();
    client.kube().request(request).await.unwrap()
}

#[test]
fn a_certificate_is_renewed_while_it_is_still_good() {
    let time = |text: &str| text.parse().unwrap();
    let times = (time("2026-01-01T00:00:00Z"), time("2026-01-11T00:00:00Z"));
    assert_eq!(due(times, 0.8), time("2026-01-09T00:00:00Z"));
}

#[tokio::test]
async fn requests_after_a_renewal_use_the_new_certificate() {
    let connection = Connection(Arc::new(Mutex::new(server("old"))));
    let client = Client::over_service(connection.clone());
    assert_eq!(asked(&client).await["gitVersion"], "old");
    connection.replace(server("new"));
    assert_eq!(asked(&client).await["gitVersion"], "new");
}
