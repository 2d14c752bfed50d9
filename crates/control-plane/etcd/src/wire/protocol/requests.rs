//! What comes in on streams: headers, data, the end.

use http::StatusCode;
use tonic::Status;

use super::{Fault, HELD_MAX, Head, Protocol, Reason, STREAM_WINDOW, STREAMS_MAX, Stream, WINDOW};
use crate::server::MESSAGE_MAX;
use crate::wire::calls::{self, Method, PREFIX};
use crate::wire::frame::{self, flag};
use crate::wire::incoming::{Feed, incoming};

/// Bytes of the headers of one request as they come in.
const BLOCK_MAX: usize = 64 << 10;

/// Headers that are not whole yet.
pub(super) struct Block {
    stream: u32,
    is_end: bool,
    bytes: Vec<u8>,
}

/// Where the data of a stream goes.
#[derive(Debug)]
pub(super) enum Receiver {
    /// One message, gathered if it comes in parts.
    Message(Method, Vec<u8>),
    /// Somebody who reads it.
    Feed(Feed),
    /// Nowhere: all has come.
    Ended,
    /// Nowhere: the client wants no answer, but one is on its way.
    Reset,
}

impl Protocol {
    pub(super) fn headers(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let mut block = frame::unpadded(head, payload)?;
        if head.has(flag::PRIORITY) {
            block = block
                .get(5..)
                .ok_or(Fault::size("a priority has five bytes"))?;
        }
        let is_end = head.has(flag::END_STREAM);
        if head.has(flag::END_HEADERS) {
            return self.block(head.stream, is_end, block);
        }
        self.block = Some(Block {
            stream: head.stream,
            is_end,
            bytes: block.to_vec(),
        });
        Ok(())
    }

    pub(super) fn continuation(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let Some(mut block) = self.block.take().filter(|it| it.stream == head.stream) else {
            return Err(Fault::protocol("headers go on that did not begin"));
        };
        block.bytes.extend_from_slice(payload);
        if block.bytes.len() > BLOCK_MAX {
            let reason = Reason::EnhanceYourCalm;
            let rule = "headers are longer than any request needs";
            return Err(Fault { reason, rule });
        }
        if head.has(flag::END_HEADERS) {
            return self.block(block.stream, block.is_end, &block.bytes);
        }
        self.block = Some(block);
        Ok(())
    }

    /// Whole headers: those of a new request, or the end of one.
    fn block(&mut self, id: u32, is_end: bool, block: &[u8]) -> Result<(), Fault> {
        let mut fields = std::mem::take(&mut self.fields);
        if !self.decoder.decode(block, &mut fields) {
            let reason = Reason::Compression;
            let rule = "headers cannot be decoded";
            return Err(Fault { reason, rule });
        }
        self.fields = fields;
        if id <= self.last_stream {
            // Trailers say nothing that is needed; those of a stream that has ended neither.
            if is_end && self.streams.contains_key(&id) {
                self.end(id, &[]);
            }
            return Ok(());
        }
        if id.is_multiple_of(2) {
            return Err(Fault::protocol("a client's streams have odd numbers"));
        }
        self.last_stream = id;
        if self.farewell.is_some() {
            // It was sent before the client knew, and is sent again elsewhere.
            return Ok(());
        }
        if self.streams.len() >= STREAMS_MAX as usize {
            frame::reset(&mut self.out, id, Reason::RefusedStream);
            return Ok(());
        }
        self.open(id);
        if is_end {
            self.end(id, &[]);
        }
        Ok(())
    }

    fn open(&mut self, id: u32) {
        let path = self.fields.iter().find(|(name, _)| name == ":path");
        let method = path.and_then(|(_, path)| Method::of(path));
        let mut call = None;
        let mut is_broken = false;
        let receiver = if let Some(method) = method {
            Receiver::Message(method, Vec::new())
        } else {
            let (feed, incoming) = incoming(&self.outbox, id);
            match calls::request(&self.fields, incoming) {
                Some(request) => {
                    let server = self.server.clone();
                    call = Some(calls::answer(&self.calls, id, server, request));
                }
                None => is_broken = true,
            }
            Receiver::Feed(feed)
        };
        let stream = Stream {
            receiver,
            unreturned: 0,
            window: self.peer.stream_window,
            queue: std::collections::VecDeque::new(),
            body: None,
            call,
        };
        self.streams.insert(id, stream);
        if is_broken {
            self.refuse(id, StatusCode::BAD_REQUEST);
        }
    }

    pub(super) fn data(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let length = u32::try_from(payload.len()).expect("a frame's length has three bytes");
        self.unreturned += length;
        if self.unreturned > WINDOW / 4 {
            // At once: what a connection holds is limited by its streams' windows.
            frame::window_update(&mut self.out, 0, self.unreturned);
            self.unreturned = 0;
        }
        if head.stream > self.last_stream {
            return Err(Fault::protocol("data of a stream that was not opened"));
        }
        let data = frame::unpadded(head, payload)?;
        let Some(stream) = self.streams.get_mut(&head.stream) else {
            return Ok(());
        };
        match &mut stream.receiver {
            Receiver::Message(_, gathered)
                if gathered.len() + data.len() > PREFIX + MESSAGE_MAX =>
            {
                let text = format!("grpc: received message larger than max ({MESSAGE_MAX})");
                self.answer_error(head.stream, &Status::resource_exhausted(text));
                return Ok(());
            }
            Receiver::Message(_, gathered) => {
                if !head.has(flag::END_STREAM) {
                    gathered.extend_from_slice(data);
                    self.held += data.len();
                }
                if self.held > HELD_MAX {
                    frame::reset(&mut self.out, head.stream, Reason::EnhanceYourCalm);
                    self.forget(head.stream);
                    return Ok(());
                }
            }
            Receiver::Feed(feed) => {
                stream.unreturned += length;
                if stream.unreturned > STREAM_WINDOW {
                    frame::reset(&mut self.out, head.stream, Reason::FlowControl);
                    self.forget(head.stream);
                    return Ok(());
                }
                feed.push(data);
                // Padding and the like are not read by anybody.
                let unread = length - u32::try_from(data.len()).expect("a part of the payload");
                if unread > 0 {
                    self.taken(head.stream, unread);
                }
            }
            Receiver::Ended => {
                let (reason, rule) = (Reason::StreamClosed, "data after the end of a stream");
                return Err(Fault { reason, rule });
            }
            Receiver::Reset => return Ok(()),
        }
        if head.has(flag::END_STREAM) {
            self.end(head.stream, data);
        }
        Ok(())
    }

    /// A handler has read so many bytes, so as many may follow.
    pub(super) fn taken(&mut self, id: u32, bytes: u32) {
        if let Some(stream) = self.streams.get_mut(&id)
            && matches!(stream.receiver, Receiver::Feed(_))
        {
            stream.unreturned = stream.unreturned.saturating_sub(bytes);
            // Told each time: such requests are few and short.
            frame::window_update(&mut self.out, id, bytes);
        }
    }

    /// All of a request has come, with `last` as the last of its data.
    fn end(&mut self, id: u32, last: &[u8]) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        match std::mem::replace(&mut stream.receiver, Receiver::Ended) {
            Receiver::Message(method, gathered) if gathered.is_empty() => {
                self.handle(id, method, last);
            }
            Receiver::Message(method, mut gathered) => {
                self.held -= gathered.len();
                gathered.extend_from_slice(last);
                self.handle(id, method, &gathered);
            }
            Receiver::Feed(feed) => feed.end(),
            Receiver::Ended => {}
            Receiver::Reset => stream.receiver = Receiver::Reset,
        }
    }

    pub(super) fn reset_by_client(&mut self, id: u32) -> Result<(), Fault> {
        if id > self.last_stream {
            return Err(Fault::protocol("the end of a stream that was not opened"));
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        let is_being_written = matches!(stream.receiver, Receiver::Ended) && stream.call.is_none();
        if is_being_written && stream.queue.is_empty() {
            // It keeps its place until the log has answered: places limit what the log holds.
            stream.receiver = Receiver::Reset;
        } else {
            self.forget(id);
        }
        Ok(())
    }
}
