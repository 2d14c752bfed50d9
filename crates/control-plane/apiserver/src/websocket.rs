//! Streams over a WebSocket, for browsers, which cannot read an answer while it comes.
//!
//! Whatever is answered as a stream is made first; here its bytes are cut into messages. So a
//! refusal is an ordinary answer, and handlers know of WebSockets only where their messages end.
//! What a client sends is ignored, but for its end. Tunnels (exec, attach, portforward) do not pass
//! here: their other end speaks the protocol.

mod cutter;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use styr_meta::Status;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use self::cutter::Cutter;
use crate::body::{Body, Response};
use crate::inbound::Inbound;
use crate::response;

/// What a client may say at once: nothing of it is read, so this only bounds what is held.
const RECEIVED_MAX: usize = 64 << 10;

/// Subprotocols of plain bytes, as upstream calls them.
const BINARY: &str = "binary.k8s.io";
const BASE64: &str = "base64.binary.k8s.io";

/// Where messages end in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messages {
    /// Nowhere: the bytes are sent as they come.
    Bytes,
    /// Behind each line; they are text.
    Lines,
    /// Each stands behind its length, in four bytes.
    Prefixed,
}

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Binary,
    Text,
    Base64,
}

/// Answers over a WebSocket if the request asks for one, and else as it is.
pub(crate) fn offer(
    inbound: &Inbound,
    answer: Response,
    messages: Messages,
) -> Result<Response, Status> {
    if !is_asked(&inbound.headers) {
        return Ok(answer);
    }
    let key = accept_key(&inbound.headers)?;
    let (protocol, encoding) = agree(&offered(&inbound.headers), messages)?;
    if let Some(upgrading) = inbound.request.extensions.get::<OnUpgrade>().cloned() {
        let stream = Stream {
            body: answer.into_body(),
            cutter: Cutter::new(messages),
            encoding,
            greets: messages == Messages::Bytes,
        };
        inbound.state.connections.spawn_infallible(async move {
            if let Err(error) = stream.send(upgrading).await {
                tracing::debug!(%error, "a WebSocket ended early");
            }
        });
    }
    let mut switched = response::with_body(StatusCode::SWITCHING_PROTOCOLS, Body::empty());
    let headers = switched.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    if let Some(Ok(protocol)) = protocol.map(|name| HeaderValue::from_str(&name)) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(switched)
}

/// Whether a request wants to become a WebSocket.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE).map(HeaderValue::as_bytes);
    let is_websocket = upgrade.is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"));
    let connection = headers.get_all(CONNECTION).into_iter();
    let mut connection = connection.filter_map(|value| value.to_str().ok());
    is_websocket && connection.any(|value| value.to_ascii_lowercase().contains("upgrade"))
}

fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Status> {
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else {
        let why = "a WebSocket needs the header Sec-WebSocket-Key";
        return Err(Status::bad_request(why));
    };
    let version = headers.get(SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        return Err(Status::bad_request(
            "Sec-WebSocket-Version has to be 13, the only version spoken here",
        ));
    }
    let accepted = derive_accept_key(key.as_bytes());
    Ok(HeaderValue::from_str(&accepted).expect("base64 is text"))
}

/// The subprotocols that a client speaks.
pub(crate) fn offered(headers: &HeaderMap) -> Vec<String> {
    let lists = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
    let lists = lists.filter_map(|value| value.to_str().ok());
    let names = lists.flat_map(|list| list.split(',')).map(str::trim);
    let names = names.filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// The subprotocol, if the client offers any. Events have none of their own, and take any.
fn agree(offered: &[String], messages: Messages) -> Result<(Option<String>, Encoding), Status> {
    match messages {
        Messages::Lines => return Ok((offered.first().cloned(), Encoding::Text)),
        Messages::Prefixed => return Ok((offered.first().cloned(), Encoding::Binary)),
        Messages::Bytes => {}
    }
    if offered.is_empty() {
        return Ok((None, Encoding::Binary));
    }
    let known = offered.iter().find_map(|name| match name.as_str() {
        BINARY => Some((Some(name.clone()), Encoding::Binary)),
        BASE64 => Some((Some(name.clone()), Encoding::Base64)),
        _ => None,
    });
    known.ok_or_else(|| {
        let offered = offered.join(" ");
        let why = format!(
            "requested protocol(s) are not supported: [{offered}]; supports [{BINARY} {BASE64}]"
        );
        Status::failure(403, "Forbidden", why)
    })
}

/// What goes to the client.
struct Stream {
    body: Body,
    cutter: Cutter,
    encoding: Encoding,
    /// Whether an empty message says that the stream is open.
    greets: bool,
}

impl Stream {
    /// Sends messages until there are no more, or the client has gone.
    async fn send(mut self, upgrading: OnUpgrade) -> anyhow::Result<()> {
        let io = TokioIo::new(upgrading.await?);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(RECEIVED_MAX))
            .max_frame_size(Some(RECEIVED_MAX));
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(limits)).await;
        if self.greets {
            socket.send(self.encoding.message(Bytes::new())).await?;
        }
        loop {
            tokio::select! {
                heard = socket.next() => match heard {
                    Some(Ok(Message::Close(_))) | None => break,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.into()),
                },
                frame = self.body.frame() => {
                    let Some(frame) = frame else {
                        socket.send(farewell()).await?;
                        break;
                    };
                    let frame = frame.map_err(anyhow::Error::from_boxed)?;
                    let Ok(chunk) = frame.into_data() else { continue };
                    for message in self.cutter.cut(chunk) {
                        socket.feed(self.encoding.message(message)).await?;
                    }
                    socket.flush().await?;
                }
            }
        }
        Ok(close(socket).await?)
    }
}

impl Encoding {
    fn message(self, bytes: Bytes) -> Message {
        match self {
            Self::Binary => Message::Binary(bytes),
            Self::Text => Message::Text(Utf8Bytes::try_from(bytes).expect("JSON is UTF-8")),
            Self::Base64 => Message::text(BASE64_STANDARD.encode(&bytes)),
        }
    }
}

/// What is said when there is no more.
fn farewell() -> Message {
    Message::Close(Some(CloseFrame {
        code: CloseCode::Normal,
        reason: Utf8Bytes::default(),
    }))
}

/// Sends what waits (the answer to a client's farewell too), and closes the connection below.
async fn close(mut socket: WebSocketStream<TokioIo<Upgraded>>) -> Result<(), Error> {
    futures::SinkExt::close(&mut socket).await?;
    socket.get_mut().shutdown().await.map_err(Error::Io)
}

#[cfg(test)]
mod tests;
