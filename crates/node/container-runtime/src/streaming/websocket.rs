//! The same streams over a WebSocket: the first byte of a message is its channel.

use std::sync::Arc;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use styr_base::Tasks;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::session::{Channels, Sink, chosen, run as run_session};
use super::{Wanted, forward};
use crate::runtime::Runtime;

pub(super) const PROTOCOLS: [&str; 5] = [
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "channel.k8s.io",
    "base64.channel.k8s.io",
];
pub(super) const FORWARD_PROTOCOLS: [&str; 2] = ["v4.channel.k8s.io", "channel.k8s.io"];

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
/// Version 5: the channel in the next byte ends.
const CLOSE: u8 = 255;
const MOST_FRAMES: usize = 64;

/// Speaks over an upgraded connection until it ends.
pub(super) async fn run<T>(
    runtime: &Arc<Runtime>,
    wanted: Wanted,
    protocol: &str,
    io: T,
) -> anyhow::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    let in_base64 = protocol.contains("base64");
    let (mut sink, mut source) = socket.split();
    let (frames, mut outgoing) = mpsc::channel::<(u8, Bytes)>(MOST_FRAMES);
    let writing = async move {
        while let Some((channel, bytes)) = outgoing.recv().await {
            sink.send(message(channel, &bytes, in_base64)).await?;
        }
        close(&mut sink).await
    };
    let out = |channel| Sink::Socket {
        channel,
        frames: frames.clone(),
    };
    if let Wanted::PortForward(request) = wanted {
        let (sender, receiver) = mpsc::channel(MOST_FRAMES);
        let sinks = (out(0), out(1));
        drop(frames);
        let forwarding = forward_port(runtime, &request, sinks, receiver);
        let reading = async {
            feed(&mut source, in_base64, sender).await;
            std::future::pending::<()>().await;
        };
        return tokio::select! {
            both = async { tokio::join!(forwarding, writing) } => both.0.and(both.1),
            () = reading => Ok(()),
        };
    }
    let chosen = chosen(&wanted);
    let (stdin, stdin_source) = mpsc::channel(MOST_FRAMES);
    let (resize, resize_source) = mpsc::channel(MOST_FRAMES);
    let channels = Channels {
        stdin: chosen.stdin.then_some(stdin_source),
        stdout: chosen.stdout.then(|| out(STDOUT)),
        stderr: chosen.stderr.then(|| out(STDERR)),
        error: Some(out(ERROR)),
        resize: chosen.tty.then_some(resize_source),
    };
    drop(frames);
    let tasks = Tasks::new();
    tasks.spawn_infallible(async move {
        let mut stdin = Some(stdin);
        while let Some((channel, bytes)) = receive(&mut source, in_base64).await {
            match (channel, &stdin) {
                (STDIN, Some(stdin)) => drop(stdin.send(bytes).await),
                (RESIZE, _) => drop(resize.send(bytes).await),
                (CLOSE, _) if bytes.first() == Some(&STDIN) => drop(stdin.take()),
                _ => {}
            }
        }
    });
    let with_status = protocol.starts_with("v4") || protocol.starts_with("v5");
    let session = run_session(runtime, wanted, channels, with_status);
    let (result, written) = tokio::join!(session, writing);
    written?;
    result
}

/// One port over the two channels, both of which begin with its number.
async fn forward_port(
    runtime: &Arc<Runtime>,
    request: &styr_cri::v1::PortForwardRequest,
    (data, errors): (Sink, Sink),
    receiver: mpsc::Receiver<Bytes>,
) -> anyhow::Result<()> {
    let [port] = request.port.as_slice() else {
        bail!("over a WebSocket one port is forwarded at a time");
    };
    let port = u16::try_from(*port)?;
    for sink in [&data, &errors] {
        sink.write(&port.to_le_bytes()).await?;
    }
    let result = forward::one(runtime, &request.pod_sandbox_id, port, receiver, data).await;
    if let Err(error) = result {
        let text = format!("error forwarding port: {error:#}");
        errors.write(text.as_bytes()).await.ok();
    }
    Ok(())
}

/// Hands on what comes for the first channel; its end is told by dropping the sender.
async fn feed<S>(source: &mut S, in_base64: bool, sender: mpsc::Sender<Bytes>)
where
    S: futures::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    while let Some((channel, bytes)) = receive(source, in_base64).await {
        if channel == 0 {
            sender.send(bytes).await.ok();
        }
    }
}

async fn close<S>(sink: &mut S) -> anyhow::Result<()>
where
    S: futures::Sink<Message, Error = tokio_tungstenite::tungstenite::Error> + Unpin,
{
    // Clients take an end without a code for a broken connection.
    let end = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    sink.send(Message::Close(Some(end))).await.ok();
    sink.close().await.context("could not close the WebSocket")
}

fn message(channel: u8, bytes: &[u8], in_base64: bool) -> Message {
    if in_base64 {
        return Message::text(format!("{channel}{}", STANDARD.encode(bytes)));
    }
    let mut frame = Vec::with_capacity(bytes.len() + 1);
    frame.push(channel);
    frame.extend_from_slice(bytes);
    Message::binary(frame)
}

/// The next message that carries a channel; `None` at the end.
async fn receive<S>(source: &mut S, in_base64: bool) -> Option<(u8, Bytes)>
where
    S: futures::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    loop {
        let bytes: Bytes = match source.next().await?.ok()? {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
            Message::Close(_) => return None,
            _ => continue,
        };
        let (&channel, rest) = bytes.split_first()?;
        if in_base64 {
            let decoded = STANDARD.decode(rest).ok()?;
            return Some((channel.wrapping_sub(b'0'), decoded.into()));
        }
        return Some((channel, bytes.slice(1..)));
    }
}
