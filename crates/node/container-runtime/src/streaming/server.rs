//! HTTP: finds what was announced, upgrades the connection, hands it on.

use std::convert::Infallible;
use std::sync::Arc;

use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use styr_base::Tasks;
use tokio::net::{TcpListener, TcpStream};

use super::spdy::{Connection, Side};
use super::{Wanted, forward, session, websocket};
use crate::runtime::Runtime;

type Answer = Response<Full<Bytes>>;

const PROTOCOL_HEADER: &str = "x-stream-protocol-version";
const FORWARD_PROTOCOL: &str = "portforward.k8s.io";
const COMMAND_PROTOCOLS: [&str; 5] = [
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v3.channel.k8s.io",
    "v2.channel.k8s.io",
    "channel.k8s.io",
];

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, runtime: Arc<Runtime>) {
    let tasks = Arc::new(Tasks::new());
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let task = connection(socket, Arc::clone(&runtime), Arc::downgrade(&tasks));
                tasks.spawn_infallible(task);
            }
            Err(error) => tracing::warn!(%error, "a streaming connection is lost"),
        }
    }
}

async fn connection(socket: TcpStream, runtime: Arc<Runtime>, tasks: std::sync::Weak<Tasks>) {
    let service = service_fn(move |request| {
        let answer = tasks.upgrade().map_or_else(
            || plain(StatusCode::SERVICE_UNAVAILABLE, "the runtime ends"),
            |tasks| respond(request, &runtime, &tasks),
        );
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    if let Err(error) = served.await {
        tracing::debug!(%error, "a streaming connection ended early");
    }
}

fn plain(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text.to_owned())));
    *answer.status_mut() = status;
    answer
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let all = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(','))
        .map(str::trim)
        .collect()
}

fn respond(mut request: Request<Incoming>, runtime: &Arc<Runtime>, tasks: &Tasks) -> Answer {
    let token = request.uri().path().rsplit('/').next().unwrap_or_default();
    let upgrade = values(request.headers(), "upgrade")
        .concat()
        .to_ascii_lowercase();
    let is_websocket = upgrade == "websocket";
    if !is_websocket && upgrade != "spdy/3.1" {
        return plain(
            StatusCode::BAD_REQUEST,
            "unable to upgrade: missing upgrade headers in request",
        );
    }
    let Some(wanted) = runtime.streams.take(token) else {
        return plain(StatusCode::NOT_FOUND, "404 page not found");
    };
    let name = if is_websocket {
        "sec-websocket-protocol"
    } else {
        PROTOCOL_HEADER
    };
    let offered = values(request.headers(), name);
    let known: Vec<&str> = match (&wanted, is_websocket) {
        (Wanted::PortForward(_), false) => vec![FORWARD_PROTOCOL],
        (Wanted::PortForward(_), true) => websocket::FORWARD_PROTOCOLS.to_vec(),
        (_, true) => websocket::PROTOCOLS.to_vec(),
        _ => COMMAND_PROTOCOLS.to_vec(),
    };
    let chosen = offered
        .iter()
        .find(|offer| known.contains(offer))
        .map(|&offer| offer.to_owned());
    if chosen.is_none() && !offered.is_empty() {
        return plain(
            StatusCode::FORBIDDEN,
            "none of the offered stream protocols is known",
        );
    }
    let accept = request
        .headers()
        .get(header::SEC_WEBSOCKET_KEY)
        .map(|key| tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes()));
    let upgraded = hyper::upgrade::on(&mut request);
    let runtime = Arc::clone(runtime);
    let protocol = chosen.clone().unwrap_or_default();
    tasks.spawn_infallible(async move {
        let served = speak(upgraded, &runtime, wanted, &protocol, is_websocket).await;
        if let Err(error) = served {
            tracing::warn!(error = %format!("{error:#}"), "a stream failed");
        }
    });
    switch(is_websocket, accept, chosen)
}

async fn speak(
    upgraded: hyper::upgrade::OnUpgrade,
    runtime: &Arc<Runtime>,
    wanted: Wanted,
    protocol: &str,
    is_websocket: bool,
) -> anyhow::Result<()> {
    let io = TokioIo::new(upgraded.await?);
    if is_websocket {
        return websocket::run(runtime, wanted, protocol, io).await;
    }
    let (connection, drive) = Connection::new(io, Side::Server);
    let driving = Tasks::new();
    driving.spawn(async move { drive.await.map_err(std::io::Error::other) });
    match wanted {
        Wanted::PortForward(request) => forward::run(runtime, &request, connection).await,
        wanted => session::over_spdy(runtime, wanted, protocol, connection).await,
    }?;
    // What is queued is still written; a client that has gone needs it no more.
    let _ = driving.join().await;
    Ok(())
}

/// Tells the client that the connection changes.
fn switch(is_websocket: bool, accept: Option<String>, chosen: Option<String>) -> Answer {
    let mut answer = plain(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = answer.headers_mut();
    headers.insert(
        header::CONNECTION,
        http::HeaderValue::from_static("Upgrade"),
    );
    let name = if is_websocket {
        "websocket"
    } else {
        "SPDY/3.1"
    };
    headers.insert(header::UPGRADE, http::HeaderValue::from_static(name));
    let accept = accept.and_then(|accept| accept.parse().ok());
    if let Some(accept) = accept.filter(|_| is_websocket) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(chosen) = chosen.and_then(|chosen| chosen.parse().ok()) {
        let name = if is_websocket {
            "sec-websocket-protocol"
        } else {
            PROTOCOL_HEADER
        };
        headers.insert(name, chosen);
    }
    answer
}
