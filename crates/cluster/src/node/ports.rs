//! Ports of the host that lead into a node.
//!
//! The sockets are opened in the host's network and used in the node's: a socket stays where it was
//! opened. So no rule of the host's firewall is needed.

mod udp;

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use styr_base::{SharedClock, Tasks};
use styr_kernel::process::adopt_descriptor;
use tokio::net::TcpStream;

use crate::config::Protocol;

/// A port of the host, and where it leads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mapping {
    /// At the host; port 0 is any.
    pub host: SocketAddr,
    /// At the node.
    pub node_port: u16,
    /// What is carried.
    #[serde(default)]
    pub protocol: Protocol,
}

/// Opens all ports; inherited by the programs that are started next.
pub(super) fn open(mappings: &[Mapping]) -> Result<Vec<OwnedFd>> {
    mappings.iter().map(open_one).collect()
}

fn open_one(mapping: &Mapping) -> Result<OwnedFd> {
    let address = mapping.host;
    let socket = match mapping.protocol {
        Protocol::TCP => TcpListener::bind(address).map(OwnedFd::from),
        Protocol::UDP => UdpSocket::bind(address).map(OwnedFd::from),
    };
    let socket = socket
        .with_context(|| format!("could not listen on {address} of the host; is it in use?"))?;
    rustix::io::ioctl_fionbio(&socket, true).context("could not prepare a socket")?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::empty())
        .context("could not pass a socket on")?;
    Ok(socket)
}

/// Carries connections and datagrams from inherited sockets to the node.
pub(super) fn carry(
    mappings: &[Mapping],
    descriptors: &[i32],
    node: IpAddr,
    (tasks, clock): (&Tasks, &SharedClock),
) -> Result<()> {
    if mappings.len() != descriptors.len() {
        bail!("{} ports and {} sockets", mappings.len(), descriptors.len());
    }
    for (mapping, number) in mappings.iter().zip(descriptors) {
        let socket = adopt_descriptor(*number).context("could not take a socket over")?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)
            .context("could not keep a socket")?;
        let target = SocketAddr::new(node, mapping.node_port);
        match mapping.protocol {
            Protocol::TCP => {
                let listener = tokio::net::TcpListener::from_std(TcpListener::from(socket))
                    .context("could not use a socket")?;
                tasks.spawn_infallible(accept(listener, target));
            }
            Protocol::UDP => {
                let host = tokio::net::UdpSocket::from_std(UdpSocket::from(socket))
                    .context("could not use a socket")?;
                tasks.spawn_infallible(udp::carry(host, target, clock.clone()));
            }
        }
    }
    Ok(())
}

async fn accept(listener: tokio::net::TcpListener, target: SocketAddr) {
    let connections = Tasks::new();
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                connections.spawn_infallible(join(client, target));
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection of the host");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn join(mut client: TcpStream, target: SocketAddr) {
    let outcome = async {
        let mut node = TcpStream::connect(target).await?;
        tokio::io::copy_bidirectional(&mut client, &mut node).await
    };
    if let Err(error) = outcome.await {
        tracing::debug!(%target, %error, "connection of the host ended");
    }
}
