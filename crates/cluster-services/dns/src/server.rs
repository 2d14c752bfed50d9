//! Takes questions off the network and sends answers back, over UDP and TCP.
//!
//! A question that is answered from memory is answered on the spot; only one that has to wait for
//! another server becomes a task.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use styr_base::{SharedClock, Shutdown, Tasks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;

use crate::chain::{Next, Protocol, Request};
use crate::plugins::Block;
use crate::wire::{Edns, INTERNET, Message, rcode};

/// Questions that wait for other servers.
const WAITING_MAX: usize = 10_000;
const CONNECTIONS_MAX: usize = 1_000;
/// A client that says nothing for so long is cut off.
const IDLE_MAX: Duration = Duration::from_secs(10);
const UDP_MIN: u16 = 512;
const UDP_MAX: u16 = 4_096;
/// EDNS: bad version. Its upper part goes into the OPT record.
const BAD_VERSION: u8 = 16;

/// All blocks of one port.
pub(crate) struct Port {
    pub(crate) number: u16,
    pub(crate) blocks: Vec<Block>,
}

/// The sockets of a port.
pub(crate) struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
}

/// Binds a port for both protocols and, where the machine has it, for both families.
pub(crate) async fn bind(port: u16) -> std::io::Result<Sockets> {
    let any: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    let mut last = None;
    for ip in any {
        match bind_at(SocketAddr::new(ip, port)).await {
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("two addresses were tried"))
}

async fn bind_at(address: SocketAddr) -> std::io::Result<Sockets> {
    let failed = |error: std::io::Error| {
        let text = format!("could not listen on {address}: {error}");
        std::io::Error::new(error.kind(), text)
    };
    let udp = UdpSocket::bind(address).await.map_err(failed)?;
    let own = udp.local_addr()?;
    let tcp = TcpListener::bind(own).await.map_err(failed)?;
    Ok(Sockets { udp, tcp })
}

impl Sockets {
    /// The port that was bound.
    pub(crate) fn port(&self) -> std::io::Result<u16> {
        Ok(self.udp.local_addr()?.port())
    }
}

/// Serves a port until the shutdown.
pub(crate) async fn serve(port: Port, sockets: Sockets, clock: SharedClock, shutdown: Shutdown) {
    let port = Arc::new(port);
    let udp = serve_udp(Arc::clone(&port), Arc::new(sockets.udp));
    let tcp = serve_tcp(port, sockets.tcp, clock);
    tokio::select! {
        () = udp => {}
        () = tcp => {}
        () = shutdown.requested() => {}
    }
}

async fn serve_udp(port: Arc<Port>, socket: Arc<UdpSocket>) {
    let waiting = Tasks::new();
    let permits = Arc::new(Semaphore::new(WAITING_MAX));
    let mut buffer = vec![0; usize::from(UDP_MAX)];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // An earlier answer that could not be delivered.
                tracing::debug!(%error, "could not receive");
                continue;
            }
        };
        let bytes = buffer[..length].to_vec();
        let port = Arc::clone(&port);
        let mut answer = Box::pin(async move {
            answer(&port, &bytes, client.ip().to_canonical(), Protocol::Udp).await
        });
        let first = {
            let mut context = Context::from_waker(Waker::noop());
            answer.as_mut().poll(&mut context)
        };
        match first {
            Poll::Ready(answer) => send(&socket, answer, client).await,
            Poll::Pending => {
                let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                    tracing::debug!("dropped a question: too many wait");
                    continue;
                };
                let socket = Arc::clone(&socket);
                waiting.spawn_infallible(async move {
                    send(&socket, answer.await, client).await;
                    drop(permit);
                });
            }
        }
    }
}

async fn send(socket: &UdpSocket, answer: Option<Vec<u8>>, client: SocketAddr) {
    if let Some(bytes) = answer
        && let Err(error) = socket.send_to(&bytes, client).await
    {
        tracing::debug!(%client, %error, "could not answer");
    }
}

async fn serve_tcp(port: Arc<Port>, listener: TcpListener, clock: SharedClock) {
    let connections = Tasks::new();
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&permits)
            .acquire_owned()
            .await
            .expect("never closed");
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "could not accept a connection");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let (port, clock) = (Arc::clone(&port), Arc::clone(&clock));
        connections.spawn_infallible(async move {
            let client = client.ip().to_canonical();
            if let Err(error) = serve_connection(&port, stream, client, &clock).await {
                tracing::debug!(%client, %error, "connection ended");
            }
            drop(permit);
        });
    }
}

async fn serve_connection(
    port: &Port,
    mut stream: TcpStream,
    client: IpAddr,
    clock: &SharedClock,
) -> std::io::Result<()> {
    loop {
        let read = async {
            let length = stream.read_u16().await?;
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await?;
            Ok::<_, std::io::Error>(bytes)
        };
        let bytes = tokio::select! {
            bytes = read => match bytes {
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                bytes => bytes?,
            },
            () = clock.sleep(IDLE_MAX) => return Ok(()),
        };
        let Some(answer) = answer(port, &bytes, client, Protocol::Tcp).await else {
            return Ok(());
        };
        let length = u16::try_from(answer.len()).expect("encoded within that");
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        stream.write_all(&framed).await?;
    }
}

/// Answers one message; `None` if it deserves no answer.
async fn answer(port: &Port, bytes: &[u8], client: IpAddr, protocol: Protocol) -> Option<Vec<u8>> {
    let message = match Message::decode(bytes) {
        Ok(message) => message,
        Err(error) => {
            tracing::debug!(%client, %error, "ignored a message");
            return format_error(bytes);
        }
    };
    if message.is_response() {
        return None;
    }
    let edns = message.edns;
    let mut answer = answer_query(port, message, client, protocol).await;
    answer.edns = edns.map(|asked| Edns {
        size: asked.size.clamp(UDP_MIN, UDP_MAX),
        version: 0,
        wants_dnssec: asked.wants_dnssec,
    });
    let size = match (protocol, answer.edns) {
        (Protocol::Tcp, _) => u16::MAX,
        (Protocol::Udp, Some(edns)) => edns.size,
        (Protocol::Udp, None) => UDP_MIN,
    };
    Some(answer.encode(usize::from(size)))
}

async fn answer_query(
    port: &Port,
    message: Message,
    client: IpAddr,
    protocol: Protocol,
) -> Message {
    if !message.is_query() {
        return message.reply(rcode::NOT_IMPLEMENTED);
    }
    if message.edns.is_some_and(|edns| edns.version != 0) {
        return message.reply(BAD_VERSION);
    }
    let empty = message.reply(rcode::FORMAT_ERROR);
    let Some(request) = Request::new(message, client, protocol) else {
        return empty;
    };
    let own = port.blocks.iter().filter_map(|block| {
        let zones = block.zones.iter();
        let matching = zones.filter(|zone| request.name.is_within(zone));
        let depth = matching.map(crate::wire::Name::depth).max()?;
        Some((depth, block))
    });
    let block = own.max_by_key(|(depth, _)| *depth);
    let Some((_, block)) = block.filter(|_| request.question.class == INTERNET) else {
        return request.message.reply(rcode::REFUSED);
    };
    match Next(&block.plugins).answer(&request).await {
        Ok(answer) => answer,
        Err(_) => request.message.reply(rcode::SERVER_FAILURE),
    }
}

/// If at least the header can be read, the sender is told.
fn format_error(bytes: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 12;
    const RESPONSE: u8 = 0x80;
    let header = bytes.get(..HEADER)?;
    if header[2] & RESPONSE != 0 {
        return None;
    }
    let mut answer = vec![0; HEADER];
    answer[..2].copy_from_slice(&header[..2]);
    answer[2] = header[2] & 0x79 | RESPONSE;
    answer[3] = rcode::FORMAT_ERROR;
    Some(answer)
}

#[cfg(test)]
mod tests;
