//! What goes out on streams: headers, data within the client's windows, trailers.

use std::sync::LazyLock;

use bytes::{BufMut as _, Bytes};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use prost::Message;
use styr_store::StoreError;
use tonic::Status;

use super::requests::Receiver;
use super::{Protocol, Reason};
use crate::txn::TxnResult;
use crate::wire::calls::{self, Method, PREFIX, Step, Write};
use crate::wire::frame::{self, PAYLOAD_MAX, flag, kind};
use crate::wire::hpack;
use crate::wire::reply::Reply;

/// The headers of every answer that is a message.
static HEADERS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut block = vec![STATUS_200];
    hpack::literal(&mut block, b"content-type", b"application/grpc");
    block
});
/// And what follows it.
static TRAILERS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut block = Vec::new();
    hpack::literal(&mut block, b"grpc-status", b"0");
    block
});
/// The number of this field in the fixed table, as one byte.
const STATUS_200: u8 = 0x88;

/// Part of an answer.
#[derive(Debug)]
pub(super) enum Piece {
    /// Headers, as a block.
    Head(Vec<u8>),
    Data(Bytes),
    /// Headers, as a block; ends the stream.
    Trailers(Vec<u8>),
}

impl Protocol {
    /// Answers a request of which all is known, or hands it to the log.
    pub(super) fn handle(&mut self, id: u32, method: Method, body: &[u8]) {
        let kv = self.server.kv();
        match method {
            Method::Range => {
                let found = calls::message(body).and_then(|request| kv.range_now(request));
                match found {
                    Ok(found) => self.answer(id, &found),
                    Err(status) => self.answer_error(id, &status),
                }
            }
            Method::Write(write) => {
                let txn = match write {
                    Write::Put => calls::message(body).and_then(|put| kv.put_txn(put)),
                    Write::Delete => calls::message(body).and_then(|delete| kv.delete_txn(delete)),
                    Write::Txn => calls::message(body).and_then(|txn| kv.txn_txn(txn)),
                };
                let txn = match txn {
                    Ok(txn) => txn,
                    Err(status) => return self.answer_error(id, &status),
                };
                let reply = Reply::new(&self.outbox, id, write);
                let answer = Box::new(move |result| reply.send(result));
                if let Some(place) = kv.engine().submit(txn, answer) {
                    calls::queue(&self.calls, id, place);
                }
            }
        }
    }

    /// The log has answered.
    pub(super) fn written(&mut self, id: u32, write: Write, result: Result<TxnResult, StoreError>) {
        match self.streams.get(&id).map(|stream| &stream.receiver) {
            Some(Receiver::Ended) => {}
            Some(Receiver::Reset) => return self.forget(id),
            _ => return,
        }
        let kv = self.server.kv();
        match result {
            Err(error) => self.answer_error(id, &crate::server::status(&error)),
            Ok(result) => match write {
                Write::Put => self.answer(id, &kv.put_response(result)),
                Write::Delete => self.answer(id, &kv.delete_response(result)),
                Write::Txn => self.answer(id, &kv.txn_response(result)),
            },
        }
    }

    /// Answers a message, and that all is well.
    fn answer<M: Message>(&mut self, id: u32, message: &M) {
        let length = message.encoded_len();
        let size = PREFIX + length;
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let prefix = u32::try_from(length).unwrap_or(u32::MAX);
        let room = self.peer.window.min(stream.window);
        if size > self.peer.payload_max || !i64::try_from(size).is_ok_and(|size| size <= room) {
            let mut bytes = Vec::with_capacity(size);
            bytes.put_u8(0);
            bytes.put_u32(prefix);
            message.encode_raw(&mut bytes);
            stream.queue.extend([
                Piece::Head(HEADERS.clone()),
                Piece::Data(bytes.into()),
                Piece::Trailers(TRAILERS.clone()),
            ]);
            return self.send(id);
        }
        let sent = i64::try_from(size).expect("is at most a window");
        stream.window -= sent;
        self.peer.window -= sent;
        let out = &mut self.out;
        frame::write(out, kind::HEADERS, flag::END_HEADERS, id, &HEADERS);
        frame::begin(out, kind::DATA, 0, id, size);
        out.put_u8(0);
        out.put_u32(prefix);
        message.encode_raw(out);
        self.trailers(id, &TRAILERS);
    }

    /// Answers that it is not well, before anything else was answered.
    pub(super) fn answer_error(&mut self, id: u32, status: &Status) {
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("application/grpc"),
        );
        self.trailers(id, &trailers(status, headers, Some(StatusCode::OK)));
    }

    pub(super) fn refuse(&mut self, id: u32, status: StatusCode) {
        self.trailers(id, &hpack::encode(Some(status), &HeaderMap::new()));
    }

    /// Sends the headers that end a stream, and forgets it.
    fn trailers(&mut self, id: u32, block: &[u8]) {
        self.header_frames(id, block, flag::END_STREAM);
        let stream = self.streams.get(&id);
        if stream.is_some_and(|stream| !matches!(stream.receiver, Receiver::Ended)) {
            // The client need not send the rest.
            frame::reset(&mut self.out, id, Reason::None);
        }
        self.forget(id);
    }

    fn header_frames(&mut self, id: u32, block: &[u8], flags: u8) {
        let (first, mut rest) = block.split_at(block.len().min(PAYLOAD_MAX));
        let ends = |rest: &[u8]| {
            if rest.is_empty() {
                flag::END_HEADERS
            } else {
                0
            }
        };
        frame::write(&mut self.out, kind::HEADERS, flags | ends(rest), id, first);
        while !rest.is_empty() {
            let (next, tail) = rest.split_at(rest.len().min(PAYLOAD_MAX));
            rest = tail;
            frame::write(&mut self.out, kind::CONTINUATION, ends(rest), id, next);
        }
    }

    pub(super) fn forget(&mut self, id: u32) {
        let stream = self.streams.remove(&id);
        if let Some(Receiver::Message(_, gathered)) = stream.as_ref().map(|it| &it.receiver) {
            self.held -= gathered.len();
        }
        self.peer.waiting.remove(&id);
    }

    /// A handler has come further.
    pub(super) fn step(&mut self, id: u32, step: Step) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        match step {
            Step::Queued => return,
            Step::Answered(response) => {
                let (parts, body) = response.into_parts();
                let block = hpack::encode(Some(parts.status), &parts.headers);
                if body.is_end_stream() {
                    stream.queue.push_back(Piece::Trailers(block));
                } else {
                    stream.queue.push_back(Piece::Head(block));
                    stream.body = Some(body);
                }
            }
            Step::Next(Some(Ok(frame)), body) => match frame.into_data() {
                Ok(data) => {
                    stream.queue.push_back(Piece::Data(data));
                    stream.body = Some(body);
                }
                Err(other) => {
                    let headers = other.into_trailers().unwrap_or_default();
                    let block = hpack::encode(None, &headers);
                    stream.queue.push_back(Piece::Trailers(block));
                }
            },
            Step::Next(Some(Err(status)), _) => {
                let block = trailers(&status, HeaderMap::new(), None);
                stream.queue.push_back(Piece::Trailers(block));
            }
            Step::Next(None, _) => {
                let status = Status::internal("the answer has no end");
                let block = trailers(&status, HeaderMap::new(), None);
                stream.queue.push_back(Piece::Trailers(block));
            }
        }
        self.send(id);
    }

    /// Sends what the windows allow of a stream's answer, and asks for more once all of it is sent.
    pub(super) fn send(&mut self, id: u32) {
        while let Some(stream) = self.streams.get_mut(&id) {
            match stream.queue.pop_front() {
                Some(Piece::Head(block)) => self.header_frames(id, &block, 0),
                Some(Piece::Trailers(block)) => return self.trailers(id, &block),
                Some(Piece::Data(mut data)) => {
                    let room = self.peer.window.min(stream.window);
                    let room = usize::try_from(room).unwrap_or(0);
                    let size = data.len().min(room).min(self.peer.payload_max);
                    if size == 0 && !data.is_empty() {
                        stream.queue.push_front(Piece::Data(data));
                        self.peer.waiting.insert(id, ());
                        return;
                    }
                    let sent = i64::try_from(size).expect("is at most a window");
                    stream.window -= sent;
                    self.peer.window -= sent;
                    frame::write(&mut self.out, kind::DATA, 0, id, &data.split_to(size));
                    if !data.is_empty() {
                        stream.queue.push_front(Piece::Data(data));
                    }
                }
                None => {
                    self.peer.waiting.remove(&id);
                    if let Some(body) = stream.body.take() {
                        stream.call = Some(calls::next(&self.calls, id, body));
                    }
                    return;
                }
            }
        }
    }

    /// Tries again with all that waited for a window.
    pub(super) fn send_waiting(&mut self) {
        let waiting: Vec<u32> = self.peer.waiting.keys().copied().collect();
        for id in waiting {
            self.send(id);
        }
    }
}

/// A status as headers.
fn trailers(status: &Status, mut headers: HeaderMap, head: Option<StatusCode>) -> Vec<u8> {
    if status.add_header(&mut headers).is_err() {
        headers.insert("grpc-status", http::HeaderValue::from_static("13"));
    }
    hpack::encode(head, &headers)
}
