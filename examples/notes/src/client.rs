//! One request to another service, found by its name; bounded in time and length.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Name, connection, request and answer together.
const TIME_MAX: Duration = Duration::from_secs(5);
/// All notes at their longest, and JSON around them.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Sends a request to where its URI says. A connection serves one request, so that each may reach
/// another pod.
pub async fn send(request: Request<Bytes>) -> Result<Response<Bytes>> {
    let place = request.uri().to_string();
    let sent = tokio::time::timeout(TIME_MAX, send_unbounded(request)).await;
    sent.with_context(|| format!("no answer within {} s from {place}", TIME_MAX.as_secs()))?
        .with_context(|| format!("could not ask {place}"))
}

async fn send_unbounded(mut request: Request<Bytes>) -> Result<Response<Bytes>> {
    let uri = request.uri().clone();
    if uri.scheme_str() != Some("http") {
        bail!("only http:// is spoken here");
    }
    let authority = uri.authority().context("no host is named")?;
    let port = authority.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((authority.host(), port)).await?;
    let host = HeaderValue::from_str(authority.as_str()).context("no such host")?;
    request.headers_mut().insert(header::HOST, host);
    *request.uri_mut() = origin(&uri)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this function, by its own end or by being dropped.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = sender.send_request(request.map(Full::new)).await?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error).context("the answer broke off"))?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// What stands in a request's first line: the path.
fn origin(uri: &Uri) -> Result<Uri> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    path.parse().with_context(|| format!("{path:?} is no path"))
}
