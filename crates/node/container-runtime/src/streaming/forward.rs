//! Port forwarding: connections that are opened inside a pod's network.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use styr_base::Tasks;
use styr_cri::v1;
use styr_kernel::netns::NetNs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::session::Sink;
use super::spdy::{Connection, Stream};
use crate::runtime::Runtime;

const BUFFER: usize = 32 * 1024;

/// Pairs of streams, one of data and one of errors, each a connection.
pub(super) async fn run(
    runtime: &Arc<Runtime>,
    request: &v1::PortForwardRequest,
    mut connection: Connection,
) -> anyhow::Result<()> {
    let tasks = Tasks::new();
    let mut halves: HashMap<String, Stream> = HashMap::new();
    while let Some(stream) = connection.incoming.recv().await {
        stream.accept().await?;
        let id = stream.header("requestid").unwrap_or_default().to_owned();
        let Some(other) = halves.remove(&id) else {
            halves.insert(id, stream);
            continue;
        };
        let is_error = stream.header("streamtype") == Some("error");
        let (error, data) = if is_error {
            (stream, other)
        } else {
            (other, stream)
        };
        let port = data.header("port").and_then(|port| port.parse().ok());
        let runtime = Arc::clone(runtime);
        let pod = request.pod_sandbox_id.clone();
        tasks.spawn_infallible(async move {
            let (errors, sink) = (error.sink(), data.sink());
            let result = match port {
                Some(port) => one(&runtime, &pod, port, data.data, Sink::Spdy(sink.clone())).await,
                None => Err(anyhow!("no port is given")),
            };
            if let Err(failure) = result {
                let text = format!("error forwarding port: {failure:#}");
                errors.write(text.as_bytes()).await.ok();
            }
            sink.finish().await.ok();
            errors.finish().await.ok();
        });
    }
    Ok(())
}

/// One connection, until both sides have ended.
pub(super) async fn one(
    runtime: &Runtime,
    pod: &str,
    port: u16,
    mut source: mpsc::Receiver<Bytes>,
    sink: Sink,
) -> anyhow::Result<()> {
    let socket = connect(runtime, pod, port).await.with_context(|| {
        format!("failed to connect to localhost:{port} inside namespace {pod:?}")
    })?;
    let (mut reader, mut writer) = socket.into_split();
    let inwards = async {
        while let Some(bytes) = source.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                break;
            }
        }
        // The peer has finished, and may still wait for the answer.
        let _ = writer.shutdown().await;
    };
    let outwards = async {
        let mut buffer = vec![0; BUFFER];
        while let Ok(length) = reader.read(&mut buffer).await {
            if length == 0 || sink.write(&buffer[..length]).await.is_err() {
                break;
            }
        }
    };
    let mut inwards = Box::pin(inwards);
    let mut outwards = Box::pin(outwards);
    tokio::select! {
        () = &mut outwards => {}
        () = &mut inwards => outwards.await,
    }
    Ok(())
}

/// Connects to the pod's loopback address, by IPv4 and then by IPv6.
async fn connect(runtime: &Runtime, pod: &str, port: u16) -> anyhow::Result<TcpStream> {
    let pod = runtime.pod(pod).map_err(|error| anyhow!("{error}"))?;
    let network = pod.meta().network.clone();
    let dial = move || {
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .or_else(|_| std::net::TcpStream::connect((Ipv6Addr::LOCALHOST, port)))
    };
    let socket = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        Ok(match network {
            Some(path) => NetNs::open(&path)?.run(dial)??,
            None => dial()?,
        })
    });
    let socket = socket.await??;
    socket.set_nonblocking(true)?;
    Ok(TcpStream::from_std(socket)?)
}
