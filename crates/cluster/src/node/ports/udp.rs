//! Carries datagrams from a socket of the host to the node, and the answers back.
//!
//! Each client has a socket of its own towards the node, so that answers find their way; it goes
//! when nothing passed for a while. Datagrams that find no room are dropped, as networks do.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use styr_base::{SharedClock, Tasks};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

/// The largest datagram of IP.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Clients at a time; further ones wait until another's time is over.
const CLIENTS_MAX: usize = 1024;
/// Datagrams that wait for one client's socket.
const QUEUE_MAX: usize = 64;
/// How long a client is remembered that neither asks nor is answered, as container engines do.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// Carries for ever.
pub(super) async fn carry(host: UdpSocket, target: SocketAddr, clock: SharedClock) {
    let host = Arc::new(host);
    let tasks = Tasks::new();
    let mut clients: HashMap<SocketAddr, Sender<Vec<u8>>> = HashMap::new();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let (length, client) = match host.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // A client that is gone makes the next call fail.
                tracing::debug!(%error, "could not receive a datagram of the host");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let mut datagram = buffer[..length].to_vec();
        if let Some(queue) = clients.get(&client) {
            match queue.try_send(datagram) {
                Ok(()) | Err(TrySendError::Full(_)) => continue,
                Err(TrySendError::Closed(unsent)) => datagram = unsent,
            }
        }
        clients.retain(|_, queue| !queue.is_closed());
        if clients.len() >= CLIENTS_MAX {
            continue;
        }
        let (queue, datagrams) = channel(QUEUE_MAX);
        queue
            .try_send(datagram)
            .expect("the queue is new and has room");
        clients.insert(client, queue);
        let (host, clock) = (Arc::clone(&host), Arc::clone(&clock));
        tasks.spawn_infallible(async move {
            if let Err(error) = serve(&host, client, target, datagrams, &clock).await {
                tracing::debug!(%client, %target, error = format!("{error:#}"), "UDP client ended");
            }
        });
    }
}

/// Carries for one client until its time is over.
async fn serve(
    host: &UdpSocket,
    client: SocketAddr,
    target: SocketAddr,
    mut datagrams: Receiver<Vec<u8>>,
    clock: &SharedClock,
) -> Result<()> {
    let any = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let node = UdpSocket::bind(any)
        .await
        .context("could not open a socket towards the node")?;
    node.connect(target)
        .await
        .context("could not name the node's port")?;
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        tokio::select! {
            datagram = datagrams.recv() => {
                let Some(datagram) = datagram else {
                    return Ok(());
                };
                // Refused while nobody listens; the client's next datagram may be luckier.
                if let Err(error) = node.send(&datagram).await {
                    tracing::debug!(%target, %error, "could not send a datagram to the node");
                }
            }
            received = node.recv(&mut buffer) => match received {
                Ok(length) => {
                    host.send_to(&buffer[..length], client)
                        .await
                        .context("could not answer the client")?;
                }
                Err(error) => tracing::debug!(%target, %error, "the node refused a datagram"),
            },
            () = clock.sleep(IDLE_MAX) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
