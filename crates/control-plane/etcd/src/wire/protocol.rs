//! The server's side of HTTP/2 (RFC 9113) on one connection, without the connection itself.
//!
//! Bytes that came in go into [`Protocol::take`], bytes to send gather in `out`. A broken rule that
//! concerns a stream ends the stream, any other ends the connection. Priorities are not heeded.

mod answers;
mod requests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::StreamExt as _;
use tonic::body::Body;

use self::answers::Piece;
use self::requests::{Block, Receiver};
use super::calls::Calls;
use super::frame::{self, BITS_31, Fault, HEAD, Head, PAYLOAD_MAX, Reason, flag, kind};
use super::hpack::{Decoder, Field};
use super::outbox::{Mail, Outbox};
use crate::server::Server;

/// Requests of one connection at a time.
const STREAMS_MAX: u32 = 1_000;
/// Bytes of one request that may come before any is handled: more than the longest message.
const STREAM_WINDOW: u32 = 4 << 20;
/// Bytes of all requests that may be on their way.
const WINDOW: u32 = 16 << 20;
/// Bytes of all requests that have come in part. Their windows would allow far more.
const HELD_MAX: usize = 128 << 20;
/// What both sides assume before anything is said.
const WINDOW_DEFAULT: u32 = 65_535;

/// All state of one connection.
pub(crate) struct Protocol {
    server: Server,
    outbox: Arc<Outbox>,
    streams: HashMap<u32, Stream>,
    calls: Calls,
    decoder: Decoder,
    fields: Vec<Field>,
    /// Headers of which more has to come.
    block: Option<Block>,
    /// The beginning of a frame.
    rest: Vec<u8>,
    /// What is to be sent.
    pub(crate) out: Vec<u8>,
    mail: Vec<Mail>,
    peer: Peer,
    /// Received bytes for which the connection's window has not been opened again.
    unreturned: u32,
    /// Bytes of messages that are not whole yet.
    held: usize,
    last_stream: u32,
    /// The last stream that is served, once the client was told that the connection ends.
    farewell: Option<u32>,
}

/// What the client takes.
struct Peer {
    window: i64,
    stream_window: i64,
    payload_max: usize,
    /// Streams with something to send that waits for a window.
    waiting: BTreeMap<u32, ()>,
}

/// One request and its answer.
struct Stream {
    receiver: Receiver,
    /// Handled bytes for which the stream's window has not been opened again.
    unreturned: u32,
    window: i64,
    queue: std::collections::VecDeque<Piece>,
    /// The answer's rest, while what came of it is being sent.
    body: Option<Body>,
    call: Option<futures::future::AbortHandle>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.abort();
        }
    }
}

impl Protocol {
    pub(crate) fn new(server: Server) -> Self {
        let mut out = Vec::new();
        const MAX_CONCURRENT_STREAMS: u16 = 3;
        const INITIAL_WINDOW_SIZE: u16 = 4;
        let pairs = [
            (MAX_CONCURRENT_STREAMS, STREAMS_MAX),
            (INITIAL_WINDOW_SIZE, STREAM_WINDOW),
        ];
        frame::settings(&mut out, &pairs);
        frame::window_update(&mut out, 0, WINDOW - WINDOW_DEFAULT);
        Self {
            server,
            outbox: Arc::default(),
            streams: HashMap::new(),
            calls: Calls::new(),
            decoder: Decoder::default(),
            fields: Vec::new(),
            block: None,
            rest: Vec::new(),
            out,
            mail: Vec::new(),
            peer: Peer {
                window: WINDOW_DEFAULT.into(),
                stream_window: WINDOW_DEFAULT.into(),
                payload_max: PAYLOAD_MAX,
                waiting: BTreeMap::new(),
            },
            unreturned: 0,
            held: 0,
            last_stream: 0,
            farewell: None,
        }
    }

    /// Takes bytes behind the preface.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.rest.is_empty() {
            let used = self.frames(bytes)?;
            self.rest.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let used = self.frames(&rest)?;
        if used < rest.len() {
            rest.drain(..used);
            self.rest = rest;
        }
        Ok(())
    }

    /// Handles what others have done for this connection meanwhile.
    pub(crate) fn proceed(&mut self, context: &mut Context<'_>) {
        let mut mail = std::mem::take(&mut self.mail);
        self.outbox.collect(&mut mail, context.waker());
        for mail in mail.drain(..) {
            match mail {
                Mail::Written {
                    stream,
                    write,
                    result,
                } => self.written(stream, write, result),
                Mail::Taken { stream, bytes } => self.taken(stream, bytes),
            }
        }
        self.mail = mail;
        while let Poll::Ready(Some(ended)) = self.calls.poll_next_unpin(context) {
            // One that was aborted has no stream any more.
            if let Ok((stream, step)) = ended {
                self.step(stream, step);
            }
        }
    }

    /// Takes no further requests.
    pub(crate) fn close(&mut self) {
        if self.farewell.is_none() {
            self.farewell = Some(self.last_stream);
            frame::go_away(&mut self.out, self.last_stream, Reason::None);
        }
    }

    /// Says why the connection ends.
    pub(crate) fn fail(&mut self, fault: Fault) {
        let last = self.farewell.unwrap_or(self.last_stream);
        frame::go_away(&mut self.out, last, fault.reason);
    }

    /// Whether nothing will be sent after what is in `out`.
    pub(crate) fn is_over(&self) -> bool {
        self.farewell.is_some() && self.streams.is_empty()
    }

    /// Handles all whole frames and answers how many bytes they were.
    fn frames(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut used = 0;
        while let Some(head) = Head::read(&bytes[used..]) {
            if head.length > PAYLOAD_MAX {
                return Err(Fault::size("a frame is longer than was allowed"));
            }
            let begin = used + HEAD;
            let Some(payload) = bytes.get(begin..begin + head.length) else {
                break;
            };
            self.frame(head, payload)?;
            used = begin + head.length;
        }
        Ok(used)
    }

    fn frame(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if self.block.is_some() && head.kind != kind::CONTINUATION {
            return Err(Fault::protocol("headers were interrupted"));
        }
        let is_of_stream = matches!(
            head.kind,
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM | kind::CONTINUATION
        );
        let is_of_connection = matches!(head.kind, kind::SETTINGS | kind::PING | kind::GOAWAY);
        if is_of_stream && head.stream == 0 || is_of_connection && head.stream != 0 {
            return Err(Fault::protocol("a frame has a stream that it cannot have"));
        }
        match head.kind {
            kind::DATA => self.data(head, payload),
            kind::HEADERS => self.headers(head, payload),
            kind::CONTINUATION => self.continuation(head, payload),
            kind::RST_STREAM => {
                frame::number(payload)?;
                self.reset_by_client(head.stream)
            }
            kind::SETTINGS => self.settings(head, payload),
            kind::PING => self.ping(head, payload),
            kind::WINDOW_UPDATE => self.window_update(head, payload),
            kind::PRIORITY if payload.len() != 5 => Err(Fault::size("a priority has five bytes")),
            kind::PUSH_PROMISE => Err(Fault::protocol("clients do not push")),
            // Priorities, the client's farewell, and what later versions may add.
            _ => Ok(()),
        }
    }

    fn ping(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if payload.len() != 8 {
            return Err(Fault::size("a ping has eight bytes"));
        }
        if !head.has(flag::ACK) {
            frame::write(&mut self.out, kind::PING, flag::ACK, 0, payload);
        }
        Ok(())
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if head.has(flag::ACK) {
            return Ok(());
        }
        let (pairs, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Fault::size("settings have six bytes each"));
        }
        for [high, low, value @ ..] in pairs {
            self.setting(
                u16::from_be_bytes([*high, *low]),
                u32::from_be_bytes(*value),
            )?;
        }
        frame::write(&mut self.out, kind::SETTINGS, flag::ACK, 0, &[]);
        self.send_waiting();
        Ok(())
    }

    fn setting(&mut self, number: u16, value: u32) -> Result<(), Fault> {
        const INITIAL_WINDOW_SIZE: u16 = 4;
        const MAX_FRAME_SIZE: u16 = 5;
        match number {
            INITIAL_WINDOW_SIZE if value > BITS_31 => Err(TOO_MUCH),
            INITIAL_WINDOW_SIZE => {
                let more = i64::from(value) - self.peer.stream_window;
                self.peer.stream_window = value.into();
                for stream in self.streams.values_mut() {
                    stream.window += more;
                }
                Ok(())
            }
            // The client may take more at once; more than the least is not needed.
            MAX_FRAME_SIZE if !(16_384..1 << 24).contains(&value) => {
                Err(Fault::protocol("no frame can have that size"))
            }
            // The table for our headers is not used, and nothing is pushed.
            _ => Ok(()),
        }
    }

    fn window_update(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let more = i64::from(frame::number(payload)? & BITS_31);
        if more == 0 {
            return Err(Fault::protocol("a window was opened by nothing"));
        }
        if head.stream == 0 {
            self.peer.window += more;
            if self.peer.window > BITS_31.into() {
                return Err(TOO_MUCH);
            }
            self.send_waiting();
        } else if let Some(stream) = self.streams.get_mut(&head.stream) {
            stream.window += more;
            if stream.window > BITS_31.into() {
                return Err(TOO_MUCH);
            }
            if self.peer.waiting.contains_key(&head.stream) {
                self.send(head.stream);
            }
        } else if head.stream > self.last_stream {
            return Err(Fault::protocol("a window of a stream that was not opened"));
        }
        Ok(())
    }
}

const TOO_MUCH: Fault = Fault {
    reason: Reason::FlowControl,
    rule: "a window is larger than a window can be",
};

#[cfg(test)]
mod tests;
