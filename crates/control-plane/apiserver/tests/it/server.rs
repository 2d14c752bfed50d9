//! A server in memory and the few requests that tests make.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use styr_apiserver::attributes::User;
use styr_apiserver::{Config, Deps, Server, build};
use styr_base::{Shutdown, SteppedClock, Tasks};
use styr_component::serve::{Listener, bind};
use tower::ServiceExt;

use crate::memory_store::MemoryStore;

pub(crate) struct TestServer {
    server: Server,
    pub(crate) clock: Arc<SteppedClock>,
    pub(crate) shutdown: Shutdown,
}

pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
    pub(crate) headers: http::HeaderMap,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        let (clock, shutdown) = (SteppedClock::shared(), Shutdown::new());
        let config = Config {
            authorization_modes: vec!["AlwaysAllow".to_owned()],
            ..Config::default()
        };
        let deps = Deps {
            store: MemoryStore::shared(),
            clock: Arc::clone(&clock) as styr_base::SharedClock,
            shutdown: shutdown.clone(),
        };
        let server = build(config, deps).expect("the configuration is valid");
        server.ready().await;
        Self {
            server: server.as_user(User::loopback()),
            clock,
            shutdown,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "application/json", "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json", &body.to_string())
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, "application/json", &body.to_string())
            .await
    }

    pub(crate) async fn merge(&self, path: &str, body: &Value) -> Answer {
        self.send(
            "PATCH",
            path,
            "application/merge-patch+json",
            &body.to_string(),
        )
        .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "application/json", "").await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, media: &str, body: &str) -> Answer {
        read(self.open(method, path, media, body).await).await
    }

    /// What `kubectl get` asks for.
    pub(crate) async fn table(&self, path: &str) -> Answer {
        let request = http::Request::builder()
            .uri(path)
            .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
        let request = request.body(Full::default());
        let answer = self.server.clone();
        let answer = answer.oneshot(request.expect("the test's request is valid"));
        read(answer.await.expect("never fails")).await
    }

    /// The body as it is.
    pub(crate) async fn text(&self, path: &str) -> String {
        let body = self
            .open("GET", path, "application/json", "")
            .await
            .into_body();
        let bytes = body.collect().await.expect("the body is whole").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    /// Serves on a socket, for as long as there are the tasks.
    pub(crate) async fn listen(&self, tasks: &Tasks) -> SocketAddr {
        let socket = bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let server = self.server.clone();
        let listener = Listener {
            socket,
            tls: None,
            connections_max: 16,
        };
        tasks.spawn_infallible(async move { server.serve(listener).await });
        address
    }

    /// The answer with its body still to come.
    pub(crate) async fn open(
        &self,
        method: &str,
        path: &str,
        media: &str,
        body: &str,
    ) -> http::Response<styr_apiserver::body::Body> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media)
            .body(Full::new(Bytes::from(body.to_owned())))
            .expect("the test's request is valid");
        self.server
            .clone()
            .oneshot(request)
            .await
            .expect("never fails")
    }

    pub(crate) async fn watch(&self, path: &str) -> Watch {
        let answer = self.open("GET", path, "application/json", "").await;
        assert_eq!(answer.status(), 200, "{path}");
        Watch {
            body: answer.into_body(),
            rest: Vec::new(),
        }
    }
}

async fn read(answer: http::Response<styr_apiserver::body::Body>) -> Answer {
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.expect("the body is whole").to_bytes();
    Answer {
        code: parts.status.as_u16(),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        headers: parts.headers,
    }
}

/// An open watch.
pub(crate) struct Watch {
    body: styr_apiserver::body::Body,
    rest: Vec<u8>,
}

impl Watch {
    /// The next event; none when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("an event per line"));
            }
            let frame = self.body.frame().await?.expect("no stream breaks");
            self.rest
                .extend_from_slice(&frame.into_data().expect("data only"));
        }
    }

    /// Type, name and revision of the next event.
    pub(crate) async fn told(&mut self) -> (String, String, i64) {
        let event = self.next().await.expect("the stream goes on");
        let metadata = &event["object"]["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let revision = text(&metadata["resourceVersion"])
            .parse()
            .expect("a revision");
        (text(&event["type"]), text(&metadata["name"]), revision)
    }
}
