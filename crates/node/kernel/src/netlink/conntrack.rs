//! Connection tracking entries: listing and deleting them.
//!
//! An entry outlives the endpoint it leads to. UDP has no end of its own, so whoever takes an
//! endpoint away must delete what still points at it.

use std::net::{IpAddr, SocketAddr};

use super::message::{Message, Received, attributes, ip_of};
use super::{NetlinkError, Socket};

const SUBSYSTEM: u16 = 1 << 8;
const CT_GET: u16 = SUBSYSTEM | 1;
const CT_DELETE: u16 = SUBSYSTEM | 2;
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const TUPLE_IP: u16 = 1;
const TUPLE_PROTO: u16 = 2;
const IP_V4_SRC: u16 = 1;
const IP_V4_DST: u16 = 2;
const IP_V6_SRC: u16 = 3;
const IP_V6_DST: u16 = 4;
const PROTO_NUM: u16 = 1;
const PROTO_SRC_PORT: u16 = 2;
const PROTO_DST_PORT: u16 = 3;
const CTA_ID: u16 = 12;

/// One tracked flow, as seen from either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// 6 TCP, 17 UDP, 132 SCTP.
    pub protocol: u8,
    /// Who began it.
    pub source: SocketAddr,
    /// Whom the client believes it talks to.
    pub destination: SocketAddr,
    /// Who answers really.
    pub answering: SocketAddr,
    original: Vec<u8>,
    id: Vec<u8>,
}

/// A connection to the kernel's connection tracking, of the opening thread's network namespace.
#[derive(Debug)]
pub struct Conntrack {
    socket: Socket,
}

impl Conntrack {
    /// Opens a connection.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self {
            socket: Socket::netfilter()?,
        })
    }

    /// The IPv4 flows that `wanted` accepts.
    pub fn flows(&mut self, wanted: impl Fn(&Flow) -> bool) -> Result<Vec<Flow>, NetlinkError> {
        let message = Message::new(CT_GET, 0).fixed(&[2, 0, 0, 0]);
        let mut found = Vec::new();
        let list = |received: Received<'_>| {
            found.extend(flow_of(received.payload).filter(|flow| wanted(flow)));
        };
        self.socket
            .dump(message, || "list tracked flows".to_owned(), list)?;
        Ok(found)
    }

    /// Deletes a flow; one that has ended by itself is fine.
    pub fn delete(&mut self, flow: &Flow) -> Result<(), NetlinkError> {
        let mut message = Message::new(CT_DELETE, 0).fixed(&[2, 0, 0, 0]);
        message.nest(TUPLE_ORIGINAL, |nest| nest.raw(&flow.original));
        if !flow.id.is_empty() {
            message.put(CTA_ID, &flow.id);
        }
        let attempted = || format!("delete the flow {} to {}", flow.source, flow.destination);
        match self.socket.change(message, attempted) {
            Err(error) if error.is_missing() => Ok(()),
            other => other,
        }
    }
}

fn flow_of(payload: &[u8]) -> Option<Flow> {
    let (mut original, mut reply, mut id) = (None, None, Vec::new());
    for (kind, value) in attributes(payload.get(4..)?) {
        match kind {
            TUPLE_ORIGINAL => original = Some(value),
            TUPLE_REPLY => reply = Some(value),
            CTA_ID => id = value.to_vec(),
            _ => {}
        }
    }
    let (protocol, source, destination) = tuple(original?)?;
    let (_, answering, _) = tuple(reply?)?;
    Some(Flow {
        protocol,
        source,
        destination,
        answering,
        original: original?.to_vec(),
        id,
    })
}

fn tuple(nest: &[u8]) -> Option<(u8, SocketAddr, SocketAddr)> {
    let mut ips: [Option<IpAddr>; 2] = [None; 2];
    let mut ports = [0; 2];
    let mut protocol = 0;
    for (kind, value) in attributes(nest) {
        for (inner, value) in attributes(value) {
            match (kind, inner) {
                (TUPLE_IP, IP_V4_SRC | IP_V6_SRC) => ips[0] = ip_of(value),
                (TUPLE_IP, IP_V4_DST | IP_V6_DST) => ips[1] = ip_of(value),
                (TUPLE_PROTO, PROTO_NUM) => protocol = *value.first()?,
                (TUPLE_PROTO, PROTO_SRC_PORT) => ports[0] = port(value)?,
                (TUPLE_PROTO, PROTO_DST_PORT) => ports[1] = port(value)?,
                _ => {}
            }
        }
    }
    let source = SocketAddr::new(ips[0]?, ports[0]);
    Some((protocol, source, SocketAddr::new(ips[1]?, ports[1])))
}

fn port(value: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(value.try_into().ok()?))
}
