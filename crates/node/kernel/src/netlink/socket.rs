//! A netlink socket: sends a request, waits for its acknowledgement or its dump.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

use super::message::{ACK, DUMP, Message, Received, attributes, messages, text_of};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// The error carries attributes that explain it.
const FLAG_ACK_TLVS: u16 = 0x200;
/// The error leaves out the request's own payload.
const FLAG_CAPPED: u16 = 0x100;
const ERROR_TEXT: u16 = 1;
/// The kernel never sends larger datagrams than this for dumps.
const RECEIVE_BYTES: usize = 64 * 1024;
/// Room for a whole ruleset in one batch; the default is about 200 KiB.
const SEND_BUFFER_BYTES: usize = 64 << 20;

/// Why the kernel refused, or could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("could not {attempted}{}", explained(.explanation))]
pub struct NetlinkError {
    attempted: String,
    explanation: String,
    #[source]
    source: io::Error,
}

fn explained(explanation: &str) -> String {
    if explanation.is_empty() {
        String::new()
    } else {
        format!(" ({explanation})")
    }
}

impl NetlinkError {
    pub(crate) fn new(attempted: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self {
            attempted: attempted.into(),
            explanation: String::new(),
            source: source.into(),
        }
    }

    /// There is no link of that name, where there had to be one.
    pub fn missing_link(name: &str) -> Self {
        let missing = io::Error::from_raw_os_error(libc::ENODEV);
        Self::new(format!("find link {name}"), missing)
    }

    /// Adds what the kernel said beyond the number.
    pub(crate) fn explained(self, explanation: String) -> Self {
        Self {
            explanation,
            ..self
        }
    }

    /// The thing to be made is there already.
    pub fn is_exists(&self) -> bool {
        self.source.raw_os_error() == Some(libc::EEXIST)
    }

    /// The thing asked for is not there: no such link, route, address, table or element.
    pub fn is_missing(&self) -> bool {
        matches!(
            self.source.raw_os_error(),
            Some(libc::ENOENT | libc::ENODEV | libc::ESRCH | libc::EADDRNOTAVAIL)
        )
    }
}

/// What the kernel said to one message.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) sequence: u32,
    pub(crate) errno: i32,
    pub(crate) explanation: String,
}

#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    pub(crate) fn route() -> Result<Self, NetlinkError> {
        Self::open(None).map_err(|error| NetlinkError::new("open a route netlink socket", error))
    }

    pub(crate) fn netfilter() -> Result<Self, NetlinkError> {
        Self::open(Some(NETFILTER))
            .map_err(|error| NetlinkError::new("open a netfilter netlink socket", error))
    }

    fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        )?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, 0))?;
        // Without the privilege the default size stays, and only large batches fail.
        let forced =
            rustix::net::sockopt::set_socket_send_buffer_size_force(&fd, SEND_BUFFER_BYTES);
        if let Err(error) = forced {
            tracing::debug!(%error, "netlink send buffer keeps its default size");
        }
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&fd, SEND_BUFFER_BYTES);
        set_flag(&fd, libc::NETLINK_EXT_ACK);
        set_flag(&fd, libc::NETLINK_CAP_ACK);
        Ok(Self {
            fd,
            sequence: 0,
            buffer: vec![0; RECEIVE_BYTES],
        })
    }

    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.fd, bytes, SendFlags::empty(), &kernel)?;
        Ok(())
    }

    /// Sends a change and waits for its acknowledgement.
    pub(crate) fn change(
        &mut self,
        mut message: Message,
        attempted: impl FnOnce() -> String,
    ) -> Result<(), NetlinkError> {
        message.add_flags(ACK);
        match self.exchange(message, |_| {}) {
            Ok(()) => Ok(()),
            Err((explanation, source)) => Err(NetlinkError {
                attempted: attempted(),
                explanation,
                source,
            }),
        }
    }

    /// Sends a query for one thing; answers through `each`.
    pub(crate) fn query(
        &mut self,
        mut message: Message,
        attempted: impl FnOnce() -> String,
        each: impl FnMut(Received<'_>),
    ) -> Result<(), NetlinkError> {
        message.add_flags(ACK);
        self.exchange(message, each)
            .map_err(|(explanation, source)| NetlinkError {
                attempted: attempted(),
                explanation,
                source,
            })
    }

    /// Sends a query for all things of a kind; answers through `each`.
    pub(crate) fn dump(
        &mut self,
        mut message: Message,
        attempted: impl FnOnce() -> String,
        each: impl FnMut(Received<'_>),
    ) -> Result<(), NetlinkError> {
        message.add_flags(DUMP);
        self.exchange(message, each)
            .map_err(|(explanation, source)| NetlinkError {
                attempted: attempted(),
                explanation,
                source,
            })
    }

    fn exchange(
        &mut self,
        message: Message,
        mut each: impl FnMut(Received<'_>),
    ) -> Result<(), (String, io::Error)> {
        let sequence = self.next_sequence();
        let bytes = message.finish(sequence);
        self.send(&bytes).map_err(|error| (String::new(), error))?;
        loop {
            let mut end = None;
            self.receive(|received| {
                if received.sequence != sequence || end.is_some() {
                    return;
                }
                match received.kind {
                    NLMSG_DONE => end = Some(Ok(())),
                    NLMSG_ERROR => end = Some(outcome(&received)),
                    _ => each(received),
                }
            })
            .map_err(|error| (String::new(), error))?;
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Receives verdicts until `done` says that there are enough.
    pub(crate) fn verdicts(&mut self, mut done: impl FnMut(Verdict) -> bool) -> io::Result<()> {
        let mut ended = false;
        while !ended {
            self.receive(|received| {
                if received.kind == NLMSG_ERROR && !ended {
                    ended = done(verdict(&received));
                }
            })?;
        }
        Ok(())
    }

    fn receive(&mut self, each: impl FnMut(Received<'_>)) -> io::Result<()> {
        let (received, _) = loop {
            match rustix::net::recv(&self.fd, &mut self.buffer[..], RecvFlags::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?,
            }
        };
        messages(&self.buffer[..received]).for_each(each);
        Ok(())
    }
}

fn verdict(received: &Received<'_>) -> Verdict {
    const REQUEST_HEADER: usize = 16;
    let errno = received
        .payload
        .get(..4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(libc::EPROTO, |bytes| -i32::from_ne_bytes(bytes));
    let mut explanation = String::new();
    if received.flags & FLAG_ACK_TLVS != 0 {
        let mut skip = 4 + REQUEST_HEADER;
        if received.flags & FLAG_CAPPED == 0 {
            // Only errors carry the whole request, whose length its header tells.
            let length = super::message::u32_at(received.payload, 4).unwrap_or(0);
            skip = 4 + usize::try_from(length).unwrap_or(0).next_multiple_of(4);
        }
        let rest = received.payload.get(skip..).unwrap_or_default();
        for (kind, value) in attributes(rest) {
            if kind == ERROR_TEXT {
                explanation = text_of(value);
            }
        }
    }
    Verdict {
        sequence: received.sequence,
        errno,
        explanation,
    }
}

fn outcome(received: &Received<'_>) -> Result<(), (String, io::Error)> {
    let verdict = verdict(received);
    if verdict.errno == 0 {
        return Ok(());
    }
    let error = io::Error::from_raw_os_error(verdict.errno);
    Err((verdict.explanation, error))
}

#[expect(unsafe_code, reason = "rustix has no options of netlink sockets")]
fn set_flag(fd: &OwnedFd, option: libc::c_int) {
    let on: libc::c_int = 1;
    let size = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("four");
    // SAFETY: the pointer is to a live integer of the size given; the kernel only reads it.
    let outcome = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_NETLINK,
            option,
            (&raw const on).cast(),
            size,
        )
    };
    if outcome != 0 {
        // Old kernels only explain less.
        tracing::debug!(option, "netlink option not set");
    }
}
