//! Requests that go on to a kubelet: logs, and connections that are handed through.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::json;
use styr_base::{Shutdown, Tasks};
use styr_component::serve::{Listener, bind, handler, serve};
use styr_pki::authority::self_signed;
use styr_pki::tls::{ClientCertificates, server_config};
use styr_pki::{KeyPair, Profile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::TestServer;

/// A kubelet that answers with the path it was asked for, and echoes upgraded connections.
#[expect(
    clippy::disallowed_methods,
    reason = "the task ends with its connection"
)]
pub(crate) async fn kubelet(tasks: &Tasks, shutdown: &Shutdown) -> SocketAddr {
    let address: SocketAddr = ([127, 0, 0, 1], 0).into();
    let profile = Profile::server("kubelet", &["localhost"], &[address.ip()]);
    let pair: KeyPair = self_signed(&profile, jiff::Timestamp::now()).expect("a certificate");
    let tls = server_config(&pair, ClientCertificates::Ignored).expect("a configuration");
    let socket = bind(address).await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    let echo = handler(
        |mut request: http::Request<hyper::body::Incoming>| async move {
            let asked = request.uri().to_string();
            if !request.headers().contains_key("upgrade") {
                return http::Response::new(Full::new(Bytes::from(asked)));
            }
            let upgrading = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut io = TokioIo::new(upgrading.await.expect("upgraded"));
                io.write_all(asked.as_bytes()).await.expect("open");
                let mut buffer = [0; 64];
                let read = io.read(&mut buffer).await.expect("open");
                io.write_all(&buffer[..read]).await.expect("open");
            });
            http::Response::builder()
                .status(101)
                .header("connection", "Upgrade")
                .header("upgrade", "SPDY/3.1")
                .body(Full::default())
                .expect("constant headers")
        },
    );
    let listener = Listener {
        socket,
        tls: Some(tls),
        connections_max: 16,
    };
    tasks.spawn_infallible(serve(listener, echo, shutdown.clone()));
    address
}

pub(crate) async fn with_pod(server: &TestServer, kubelet: SocketAddr) {
    let nodes = "/api/v1/nodes";
    let node = json!({ "metadata": { "name": "n" } });
    assert_eq!(server.post(nodes, &node).await.code, 201);
    let status = json!({ "status": {
        "addresses": [{ "type": "InternalIP", "address": "127.0.0.1" }],
        "daemonEndpoints": { "kubeletEndpoint": { "Port": kubelet.port() } },
    } });
    assert_eq!(
        server
            .merge(&format!("{nodes}/n/status"), &status)
            .await
            .code,
        200
    );
    let account = json!({ "metadata": { "name": "default" } });
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    assert_eq!(server.post(accounts, &account).await.code, 201);
    let pod = json!({
        "metadata": { "name": "p" },
        "spec": { "nodeName": "n", "containers": [{ "name": "c", "image": "i" }] },
    });
    let answer = server.post("/api/v1/namespaces/default/pods", &pod).await;
    assert_eq!(answer.code, 201, "{}", answer.body);
}

#[tokio::test]
async fn logs_come_from_the_kubelet() {
    let (tasks, server) = (Tasks::new(), TestServer::start().await);
    let kubelet = kubelet(&tasks, &server.shutdown).await;
    with_pod(&server, kubelet).await;
    let path = "/api/v1/namespaces/default/pods/p/log?follow=true&tailLines=2&container=c";
    let text = server.text(path).await;
    assert_eq!(text, "/containerLogs/default/p/c?follow=true&tailLines=2");
    let refused = server
        .get("/api/v1/namespaces/default/pods/p/log?container=nope")
        .await;
    assert_eq!(refused.code, 400);
    assert_eq!(
        refused.body["message"],
        "container nope is not valid for pod p"
    );
}

#[tokio::test]
async fn exec_is_a_tunnel_to_the_kubelet() {
    let (tasks, server) = (Tasks::new(), TestServer::start().await);
    let kubelet = kubelet(&tasks, &server.shutdown).await;
    with_pod(&server, kubelet).await;
    let address = server.listen(&tasks).await;
    let mut client = TcpStream::connect(address).await.expect("listening");
    let request = "POST /api/v1/namespaces/default/pods/p/exec?command=ls&command=-l&stdin=true&stdout=true HTTP/1.1\r\n\
                   Host: test\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n";
    client.write_all(request.as_bytes()).await.expect("open");
    let wanted = "/exec/default/p/c?input=1&output=1&command=ls&command=-l";
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.ends_with(wanted) {
        let read = client.read(&mut buffer).await.expect("open");
        assert!(read > 0, "the tunnel ended early: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(
        seen.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{seen}"
    );
    client.write_all(b"ping").await.expect("open");
    let mut echoed = [0; 4];
    client.read_exact(&mut echoed).await.expect("open");
    assert_eq!(&echoed, b"ping");
}

/// A web server that answers with a link and the headers it was told.
async fn web(tasks: &Tasks, shutdown: &Shutdown) -> SocketAddr {
    let socket = bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    let page = handler(|request: http::Request<hyper::body::Incoming>| async move {
        let told = |name: &str| {
            let value = request.headers().get(name).map(|it| it.to_str());
            value.and_then(Result::ok).unwrap_or("nobody").to_owned()
        };
        let told = [
            told("host"),
            told("x-forwarded-uri"),
            told("x-forwarded-for"),
            told("authorization"),
        ];
        let page = format!("<a href=\"/x\">{}</a>", told.join(" "));
        http::Response::builder()
            .header("content-type", "text/html")
            .header("access-control-allow-origin", "*")
            .body(Full::new(Bytes::from(page)))
            .expect("constant headers")
    });
    let listener = Listener {
        socket,
        tls: None,
        connections_max: 16,
    };
    tasks.spawn_infallible(serve(listener, page, shutdown.clone()));
    address
}

#[tokio::test]
async fn a_proxy_tells_who_asks_and_leads_links_through_itself() {
    let (tasks, server) = (Tasks::new(), TestServer::start().await);
    let kubelet = kubelet(&tasks, &server.shutdown).await;
    with_pod(&server, kubelet).await;
    let pod = "/api/v1/namespaces/default/pods/p";
    let status = json!({ "status": { "podIP": "127.0.0.1" } });
    server.merge(&format!("{pod}/status"), &status).await;
    let port = web(&tasks, &server.shutdown).await.port();
    let address = server.listen(&tasks).await;
    let mut client = TcpStream::connect(address).await.expect("listening");
    let proxy = format!("{pod}:{port}/proxy");
    let request = format!(
        "GET {proxy}/page HTTP/1.1\r\nHost: test\r\nAuthorization: secret\r\nConnection: close\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await.expect("open");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("open");
    let page = format!("<a href=\"{proxy}/x\">test {proxy}/page 127.0.0.1 nobody</a>");
    assert!(answer.contains(&page), "{answer}");
    assert!(!answer.contains("access-control-allow-origin"), "{answer}");
}
