//! HTTP/2 frames (RFC 9113): their heads, and the few that this server writes.

use bytes::BufMut as _;

/// What a client sends before its first frame.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's head.
pub(crate) const HEAD: usize = 9;
/// Longest payload that is taken, and that is sent before the client says that it takes more.
pub(crate) const PAYLOAD_MAX: usize = 16_384;
/// Windows and stream numbers have 31 bits.
pub(crate) const BITS_31: u32 = 0x7fff_ffff;

pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

pub(crate) mod flag {
    pub(crate) const END_STREAM: u8 = 0x1;
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
    pub(crate) const PADDED: u8 = 0x8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// Why a stream or a connection ends, as a number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Reason {
    None = 0,
    Protocol = 1,
    FlowControl = 3,
    StreamClosed = 5,
    FrameSize = 6,
    RefusedStream = 7,
    Compression = 9,
    EnhanceYourCalm = 11,
}

/// A broken rule that ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client broke HTTP/2: {rule}")]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) rule: &'static str,
}

impl Fault {
    pub(crate) const fn protocol(rule: &'static str) -> Self {
        let reason = Reason::Protocol;
        Self { reason, rule }
    }

    pub(crate) const fn size(rule: &'static str) -> Self {
        let reason = Reason::FrameSize;
        Self { reason, rule }
    }
}

/// The first nine bytes of a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    /// The head of a frame, if all of it is there.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, s1, s2, s3, s4] = *bytes.first_chunk::<HEAD>()?;
        Some(Self {
            length: usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c),
            kind,
            flags,
            stream: u32::from_be_bytes([s1, s2, s3, s4]) & BITS_31,
        })
    }

    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A payload without its padding.
pub(crate) fn unpadded(head: Head, payload: &[u8]) -> Result<&[u8], Fault> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let rest = payload.split_first().and_then(|(&padding, rest)| {
        rest.len()
            .checked_sub(padding.into())
            .map(|end| &rest[..end])
    });
    rest.ok_or(Fault::protocol("padding is longer than its frame"))
}

/// A number of four bytes, which is all of the payload.
pub(crate) fn number(payload: &[u8]) -> Result<u32, Fault> {
    let bytes = payload.try_into();
    bytes
        .map(u32::from_be_bytes)
        .map_err(|_| Fault::size("a frame of four bytes has another length"))
}

/// Begins a frame whose payload the caller writes.
pub(crate) fn begin(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, length: usize) {
    debug_assert!(length < 1 << 24, "a frame's length has three bytes");
    let length = u32::try_from(length).expect("payloads are chunks of a frame's size");
    out.put_slice(&length.to_be_bytes()[1..]);
    out.put_slice(&[kind, flags]);
    out.put_u32(stream);
}

/// Writes a whole frame.
pub(crate) fn write(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    begin(out, kind, flags, stream, payload.len());
    out.put_slice(payload);
}

pub(crate) fn window_update(out: &mut Vec<u8>, stream: u32, more: u32) {
    write(out, kind::WINDOW_UPDATE, 0, stream, &more.to_be_bytes());
}

pub(crate) fn reset(out: &mut Vec<u8>, stream: u32, reason: Reason) {
    write(
        out,
        kind::RST_STREAM,
        0,
        stream,
        &(reason as u32).to_be_bytes(),
    );
}

pub(crate) fn go_away(out: &mut Vec<u8>, last_stream: u32, reason: Reason) {
    begin(out, kind::GOAWAY, 0, 0, 8);
    out.put_u32(last_stream);
    out.put_u32(reason as u32);
}

/// Settings as pairs of number and value.
pub(crate) fn settings(out: &mut Vec<u8>, pairs: &[(u16, u32)]) {
    begin(out, kind::SETTINGS, 0, 0, pairs.len() * 6);
    for (setting, value) in pairs {
        out.put_u16(*setting);
        out.put_u32(*value);
    }
}
