//! A client that speaks frames, also such as no proper client sends.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes};
use futures::future::poll_fn;
use prost::Message as _;
use styr_base::SystemClock;
use styr_store::proto::etcdserverpb as pb;

use super::*;
use crate::engine::{Engine, Options};
use crate::server::Member;
use crate::wire::calls::PREFIX;
use crate::wire::hpack;

const TXN: &[u8] = b"/etcdserverpb.KV/Txn";
const PUT: &[u8] = b"/etcdserverpb.KV/Put";
const RANGE: &[u8] = b"/etcdserverpb.KV/Range";
const STATUS: &[u8] = b"/etcdserverpb.Maintenance/Status";

fn protocol(folder: &Path) -> Protocol {
    let clock = SystemClock::shared();
    let options = Options {
        clock: Arc::clone(&clock),
    };
    let member = Member {
        name: "default".to_owned(),
        client_urls: Vec::new(),
        peer_urls: Vec::new(),
        progress_interval: Duration::from_secs(600),
        bytes_max: None,
    };
    let engine = Engine::open(folder, options).unwrap();
    Protocol::new(Server::new(engine, member, clock))
}

/// What one frame says.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// All frames of what was sent, which must be whole.
fn said(protocol: &mut Protocol) -> Vec<Said> {
    let sent = std::mem::take(&mut protocol.out);
    let (mut rest, mut said) = (&sent[..], Vec::new());
    while let Some(head) = Head::read(rest) {
        let (payload, tail) = rest[HEAD..].split_at(head.length);
        rest = tail;
        said.push(Said {
            kind: head.kind,
            flags: head.flags,
            stream: head.stream,
            payload: payload.to_vec(),
        });
    }
    assert!(rest.is_empty(), "half a frame was sent");
    said
}

fn head(path: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    hpack::literal(&mut block, b":method", b"POST");
    hpack::literal(&mut block, b":path", path);
    hpack::literal(&mut block, b"content-type", b"application/grpc");
    block
}

fn message(message: &impl prost::Message) -> Vec<u8> {
    let mut body = vec![0];
    body.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut body).unwrap();
    body
}

/// A whole request as frames.
fn request(stream: u32, path: &[u8], body: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    let flags = flag::END_HEADERS;
    frame::write(&mut frames, kind::HEADERS, flags, stream, &head(path));
    let mut chunks = body.chunks(PAYLOAD_MAX).peekable();
    while let Some(chunk) = chunks.next() {
        let is_last = chunks.peek().is_none();
        let flags = if is_last { flag::END_STREAM } else { 0 };
        frame::write(&mut frames, kind::DATA, flags, stream, chunk);
    }
    frames
}

fn put(key: &str, value: Vec<u8>) -> Vec<u8> {
    message(&pb::PutRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: value.into(),
        ..Default::default()
    })
}

fn range(key: &str) -> Vec<u8> {
    message(&pb::RangeRequest {
        key: Bytes::copy_from_slice(key.as_bytes()),
        ..Default::default()
    })
}

/// Waits until nothing is under way any more, and answers all that was said.
async fn settled(protocol: &mut Protocol) -> Vec<Said> {
    let mut all = said(protocol);
    poll_fn(|context| {
        protocol.proceed(context);
        all.extend(said(protocol));
        let is_waiting = protocol.streams.values().any(|stream| {
            let has_ended = matches!(stream.receiver, Receiver::Ended | Receiver::Reset);
            has_ended && stream.queue.is_empty()
        });
        if is_waiting {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    all
}

/// The data of one stream.
fn data(said: &[Said], stream: u32) -> Vec<u8> {
    let of_stream = said
        .iter()
        .filter(|it| it.stream == stream && it.kind == kind::DATA);
    of_stream.flat_map(|it| it.payload.clone()).collect()
}

fn ended(said: &[Said], stream: u32) -> bool {
    let mut of_stream = said.iter().filter(|it| it.stream == stream);
    of_stream.any(|it| it.kind == kind::HEADERS && it.flags & flag::END_STREAM != 0)
}

fn reset(said: &[Said], stream: u32) -> Option<u32> {
    let of_stream = said
        .iter()
        .find(|it| it.stream == stream && it.kind == kind::RST_STREAM);
    of_stream.map(|it| frame::number(&it.payload).unwrap())
}

#[tokio::test]
async fn answers_are_the_same_wherever_the_bytes_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = request(1, PUT, &put("a", b"1".to_vec()));
    frames.extend(request(3, STATUS, &message(&pb::StatusRequest {})));
    for cut in 0..frames.len() {
        let mut protocol = protocol(&folder.path().join(cut.to_string()));
        protocol.take(&frames[..cut]).unwrap();
        protocol.take(&frames[cut..]).unwrap();
        let said = settled(&mut protocol).await;
        assert!(ended(&said, 1) && ended(&said, 3), "cut at {cut}");
        let answer = pb::PutResponse::decode(&data(&said, 1)[PREFIX..]).unwrap();
        assert_eq!(answer.header.unwrap().revision, 2, "cut at {cut}");
    }
}

#[tokio::test]
async fn answers_wait_for_the_clients_windows() {
    let folder = tempfile::tempdir().unwrap();
    let mut protocol = protocol(folder.path());
    let value = vec![7; 100_000];
    protocol
        .take(&request(1, PUT, &put("a", value.clone())))
        .unwrap();
    settled(&mut protocol).await;
    protocol.take(&request(3, RANGE, &range("a"))).unwrap();
    let first = said(&mut protocol);
    let mut body = data(&first, 3);
    // What the put was answered has used a few bytes of the connection's window.
    let unused = WINDOW_DEFAULT as usize - body.len();
    assert!(unused < 100 && !ended(&first, 3), "{unused}");
    let mut more = Vec::new();
    frame::window_update(&mut more, 3, 100_000);
    protocol.take(&more).unwrap();
    assert!(
        data(&said(&mut protocol), 3).is_empty(),
        "the connection's window is closed"
    );
    more.clear();
    frame::window_update(&mut more, 0, 100_000);
    protocol.take(&more).unwrap();
    let rest = said(&mut protocol);
    body.extend(data(&rest, 3));
    let answer = pb::RangeResponse::decode(&body[PREFIX..]).unwrap();
    assert!(ended(&rest, 3));
    assert_eq!(answer.kvs[0].value, value);
}

#[tokio::test]
async fn a_request_that_the_client_takes_back_keeps_its_place_until_the_log_has_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut protocol = protocol(folder.path());
    let mut frames = request(1, PUT, &put("a", b"1".to_vec()));
    frame::reset(&mut frames, 1, Reason::None);
    protocol.take(&frames).unwrap();
    assert_eq!(protocol.streams.len(), 1);
    let said = settled(&mut protocol).await;
    assert!(!ended(&said, 1));
    assert!(protocol.streams.is_empty());
}

#[tokio::test]
async fn requests_beyond_the_limit_are_refused_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut protocol = protocol(folder.path());
    for number in 0..=STREAMS_MAX {
        let mut frames = Vec::new();
        let stream = 2 * number + 1;
        frame::write(
            &mut frames,
            kind::HEADERS,
            flag::END_HEADERS,
            stream,
            &head(TXN),
        );
        protocol.take(&frames).unwrap();
    }
    let refused = 2 * STREAMS_MAX + 1;
    assert_eq!(
        reset(&said(&mut protocol), refused),
        Some(Reason::RefusedStream as u32)
    );
    let mut last = Vec::new();
    let body = message(&pb::TxnRequest::default());
    frame::write(&mut last, kind::DATA, flag::END_STREAM, 1, &body);
    protocol.take(&last).unwrap();
    poll_fn(|context| {
        protocol.proceed(context);
        let is_answered = !protocol.streams.contains_key(&1);
        if is_answered {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[tokio::test]
async fn messages_that_are_too_long_are_refused_with_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut protocol = protocol(folder.path());
    let frames = request(1, PUT, &put("a", vec![0; 3 << 20]));
    protocol.take(&frames).unwrap();
    let said = said(&mut protocol);
    let trailers = said.iter().find(|it| it.kind == kind::HEADERS).unwrap();
    let text = String::from_utf8_lossy(&trailers.payload).into_owned();
    assert!(
        text.contains("grpc-status") && text.contains("larger%20than%20max"),
        "{text}"
    );
    assert!(protocol.streams.is_empty());
    assert_eq!(protocol.held, 0);
}

#[tokio::test]
async fn parts_of_requests_are_held_up_to_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut protocol = protocol(folder.path());
    let part = vec![0; PAYLOAD_MAX];
    let parts_each = 100;
    let mut stream = 1;
    let refused = loop {
        let mut frames = Vec::new();
        frame::write(
            &mut frames,
            kind::HEADERS,
            flag::END_HEADERS,
            stream,
            &head(PUT),
        );
        for _ in 0..parts_each {
            frame::write(&mut frames, kind::DATA, 0, stream, &part);
        }
        protocol.take(&frames).unwrap();
        if let Some(reason) = reset(&said(&mut protocol), stream) {
            break reason;
        }
        stream += 2;
    };
    assert_eq!(refused, Reason::EnhanceYourCalm as u32);
    assert!(protocol.held <= HELD_MAX);
}

#[tokio::test]
async fn broken_rules_end_the_connection_with_their_reason() {
    let one = |kind, flags, stream, payload: &[u8]| {
        let mut frames = Vec::new();
        frame::write(&mut frames, kind, flags, stream, payload);
        frames
    };
    let headers = head(TXN);
    let mut interrupted = one(kind::HEADERS, 0, 1, &headers);
    interrupted.extend(one(kind::PING, 0, 0, &[0; 8]));
    let mut after_the_end = request(1, PUT, &put("a", b"1".to_vec()));
    after_the_end.extend(one(kind::DATA, 0, 1, b"more"));
    let mut endless = one(kind::HEADERS, 0, 1, &headers);
    for _ in 0..5 {
        endless.extend(one(kind::CONTINUATION, 0, 1, &[0; PAYLOAD_MAX]));
    }
    let cases = [
        (one(kind::DATA, 0, 0, b"x"), Reason::Protocol),
        (one(kind::DATA, 0, 1, b"x"), Reason::Protocol),
        (
            one(kind::HEADERS, flag::END_HEADERS, 2, &headers),
            Reason::Protocol,
        ),
        (
            one(kind::HEADERS, flag::END_HEADERS, 1, &[0x80]),
            Reason::Compression,
        ),
        (one(kind::CONTINUATION, 0, 1, &headers), Reason::Protocol),
        (one(kind::PUSH_PROMISE, 0, 1, &headers), Reason::Protocol),
        (one(kind::RST_STREAM, 0, 1, &[0; 4]), Reason::Protocol),
        (one(kind::SETTINGS, 0, 0, &[0; 5]), Reason::FrameSize),
        (
            one(kind::SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]),
            Reason::FlowControl,
        ),
        (one(kind::PING, 0, 0, &[0; 7]), Reason::FrameSize),
        (one(kind::WINDOW_UPDATE, 0, 0, &[0; 4]), Reason::Protocol),
        (
            one(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
            Reason::FlowControl,
        ),
        (one(kind::DATA, flag::PADDED, 1, &[9, 0]), Reason::Protocol),
        (
            one(kind::PING, 0, 0, &[0; PAYLOAD_MAX + 1]),
            Reason::FrameSize,
        ),
        (interrupted, Reason::Protocol),
        (after_the_end, Reason::StreamClosed),
        (endless, Reason::EnhanceYourCalm),
    ];
    for (number, (frames, reason)) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let mut protocol = protocol(folder.path());
        let fault = protocol.take(&frames).unwrap_err();
        assert_eq!(fault.reason, reason, "case {number}: {fault}");
    }
}

#[tokio::test]
async fn a_connection_that_closes_answers_what_has_begun() {
    let folder = tempfile::tempdir().unwrap();
    let mut protocol = protocol(folder.path());
    protocol
        .take(&request(1, PUT, &put("a", b"1".to_vec())))
        .unwrap();
    protocol.close();
    protocol.take(&request(3, RANGE, &range("a"))).unwrap();
    assert!(!protocol.is_over());
    let said = settled(&mut protocol).await;
    assert!(ended(&said, 1) && !ended(&said, 3));
    assert!(protocol.is_over());
    let farewell = said.iter().find(|it| it.kind == kind::GOAWAY).unwrap();
    assert_eq!(farewell.payload[..4], [0, 0, 0, 1]);
}
