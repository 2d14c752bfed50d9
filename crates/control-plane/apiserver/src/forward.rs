//! Sends a request on to a node, a pod or a service, and its answer back; upgraded connections
//! (WebSocket, SPDY) are tunnelled byte by byte, so both ends speak with each other.

mod links;

use std::sync::Arc;

use http::header::{CONNECTION, HOST, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use styr_base::Tasks;
use styr_component::serve::Connection;
use styr_meta::Status;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::body::{Body, Response};

/// Where a request goes.
#[derive(Debug, Clone)]
pub struct Destination {
    /// `address:port`, with brackets around IPv6.
    pub authority: String,
    /// With it, over TLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Path and query there.
    pub path: String,
}

/// What is sent on.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub method: Method,
    pub headers: HeaderMap,
    pub extensions: http::Extensions,
    pub body: Body,
}

/// Headers that concern one connection only.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a pod allows other sites is not allowed here.
const CROSS_ORIGIN: [&str; 4] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
];

/// Sends a request on and answers with what comes back.
pub(crate) async fn forward(
    tasks: &Arc<Tasks>,
    destination: &Destination,
    outgoing: Outgoing,
) -> Result<Response, Status> {
    let failed = |error: String| unreachable(&destination.authority, &error);
    let stream = TcpStream::connect(&destination.authority)
        .await
        .map_err(|error| failed(error.to_string()))?;
    // Small frames of an interactive session must not wait for each other.
    let _ = stream.set_nodelay(true);
    match &destination.tls {
        None => exchange(tasks, destination, outgoing, stream).await,
        Some(config) => {
            let host = destination
                .authority
                .rsplit_once(':')
                .map_or("", |(host, _)| host);
            let host = host.trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(|error| failed(error.to_string()))?;
            let stream = TlsConnector::from(Arc::clone(config))
                .connect(name, stream)
                .await
                .map_err(|error| failed(error.to_string()))?;
            exchange(tasks, destination, outgoing, stream).await
        }
    }
}

/// The same for a proxy that people look through: what is behind it is told who asks and under
/// which address, and links in the answer lead through the proxy as well.
pub(crate) async fn forward_pages(
    tasks: &Arc<Tasks>,
    destination: &Destination,
    (prefix, mut outgoing): (&str, Outgoing),
) -> Result<Response, Status> {
    let host = outgoing.headers.get(HOST).and_then(|it| it.to_str().ok());
    let host = host.unwrap_or_default().to_owned();
    tell_origin(destination, prefix, &mut outgoing);
    let mut answer = forward(tasks, destination, outgoing).await?;
    for name in CROSS_ORIGIN {
        answer.headers_mut().remove(name);
    }
    let way = links::Way {
        prefix,
        authority: &destination.authority,
        host: &host,
    };
    links::rewrite(answer, way).await
}

fn tell_origin(destination: &Destination, prefix: &str, outgoing: &mut Outgoing) {
    let path = destination.path.split('?').next().unwrap_or_default();
    if let Ok(uri) = HeaderValue::from_str(&format!("{prefix}{path}")) {
        outgoing.headers.insert("x-forwarded-uri", uri);
    }
    let Some(connection) = outgoing.extensions.get::<Connection>() else {
        return;
    };
    let before = outgoing.headers.get_all("x-forwarded-for").into_iter();
    let before = before.filter_map(|it| it.to_str().ok().map(str::to_owned));
    let mut all: Vec<String> = before.collect();
    all.push(connection.peer.ip().to_string());
    if let Ok(all) = HeaderValue::from_str(&all.join(", ")) {
        outgoing.headers.insert("x-forwarded-for", all);
    }
}

fn unreachable(authority: &str, error: &str) -> Status {
    Status::service_unavailable(format!(
        "error trying to reach service: dial tcp {authority}: {error}"
    ))
}

async fn exchange<IO>(
    tasks: &Arc<Tasks>,
    destination: &Destination,
    outgoing: Outgoing,
    stream: IO,
) -> Result<Response, Status>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| unreachable(&destination.authority, &error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    tasks.spawn_infallible(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a forwarded connection ended");
        }
    });
    let upgrade = outgoing.headers.get(UPGRADE).cloned();
    let mut extensions = outgoing.extensions;
    let request = request(
        destination,
        outgoing.method,
        &outgoing.headers,
        outgoing.body,
    )?;
    let mut answer = sender.send_request(request).await.map_err(failed)?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS || upgrade.is_none() {
        let (mut parts, body) = answer.into_parts();
        for name in HOP_BY_HOP {
            parts.headers.remove(name);
        }
        // The sender must outlive the body, or hyper closes the connection under it.
        return Ok(http::Response::from_parts(parts, Body::new(body)));
    }
    let mut carrier = http::Request::new(());
    std::mem::swap(carrier.extensions_mut(), &mut extensions);
    let (ours, theirs) = (hyper::upgrade::on(carrier), hyper::upgrade::on(&mut answer));
    tasks.spawn_infallible(async move {
        let (Ok(ours), Ok(theirs)) = (ours.await, theirs.await) else {
            return;
        };
        let (mut ours, mut theirs) = (TokioIo::new(ours), TokioIo::new(theirs));
        if let Err(error) = copy_bidirectional(&mut ours, &mut theirs).await {
            tracing::debug!(%error, "a tunnel ended");
        }
    });
    let (parts, _) = answer.into_parts();
    let mut switched = http::Response::from_parts(parts, Body::empty());
    switched.headers_mut().remove("content-length");
    Ok(switched)
}

fn request(
    destination: &Destination,
    method: Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<http::Request<Body>, Status> {
    let uri: Uri = destination.path.parse().map_err(|error| {
        Status::bad_request(format!(
            "could not send on to {}: {error}",
            destination.path
        ))
    })?;
    let mut request = http::Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let is_upgrade = headers.contains_key(UPGRADE);
    for (name, value) in headers {
        if !is_kept(name, is_upgrade) {
            continue;
        }
        request.headers_mut().append(name.clone(), value.clone());
    }
    if is_upgrade {
        request
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    // As upstream: what is behind a proxy hears the name that its client used.
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(&destination.authority)
            .map_err(|error| Status::internal(error.to_string()))?;
        request.headers_mut().insert(HOST, host);
    }
    Ok(request)
}

fn is_kept(name: &HeaderName, is_upgrade: bool) -> bool {
    let name = name.as_str();
    if name == "upgrade" {
        return is_upgrade;
    }
    !HOP_BY_HOP.contains(&name) && !name.starts_with("impersonate-")
}
