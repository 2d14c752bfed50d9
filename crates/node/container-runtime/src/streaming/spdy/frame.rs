//! Frames on the wire.

use anyhow::{bail, ensure};
use bytes::Bytes;

use super::Headers;
use super::headers::{Packer, Unpacker};

/// Bytes before every frame's body.
pub(super) const HEAD: usize = 8;
const LONGEST: usize = 1 << 20;
const VERSION: u16 = 3;
const CONTROL: u8 = 0x80;
const FINISHED: u8 = 1;
const CANCELLED: u32 = 5;

const OPEN: u16 = 1;
const REPLY: u16 = 2;
const RESET: u16 = 3;
const PING: u16 = 6;
const GO_AWAY: u16 = 7;
const WINDOW: u16 = 9;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub stream: u32,
    /// Nothing more comes from the sender of it.
    pub last: bool,
    pub kind: Kind,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Open(Headers),
    Reply,
    Reset,
    Ping(u32),
    GoAway,
    Window(u32),
    Data(Bytes),
}

/// The length of the body.
pub(super) fn length(head: &[u8; HEAD]) -> anyhow::Result<usize> {
    let length = usize::from(head[5]) << 16 | usize::from(head[6]) << 8 | usize::from(head[7]);
    ensure!(length <= LONGEST, "a frame of {length} bytes is too long");
    Ok(length)
}

fn number(bytes: &[u8]) -> anyhow::Result<u32> {
    let Some(Ok(bytes)) = bytes.get(..4).map(TryInto::try_into) else {
        bail!("a frame is cut off");
    };
    Ok(u32::from_be_bytes(bytes))
}

impl Frame {
    /// `None` for a kind that means nothing here.
    pub(super) fn decode(
        head: &[u8; HEAD],
        body: Vec<u8>,
        unpacker: &mut Unpacker,
    ) -> anyhow::Result<Option<Self>> {
        let last = head[4] & FINISHED != 0;
        if head[0] & CONTROL == 0 {
            let stream = number(head)?;
            return Ok(Some(Self {
                stream,
                last,
                kind: Kind::Data(body.into()),
            }));
        }
        let version = u16::from_be_bytes([head[0] & !CONTROL, head[1]]);
        ensure!(
            version == VERSION,
            "SPDY version {version} is not implemented"
        );
        let id = || Ok::<_, anyhow::Error>(number(&body)? & !(1 << 31));
        let (stream, kind) = match u16::from_be_bytes([head[2], head[3]]) {
            OPEN => {
                ensure!(body.len() >= 10, "a frame is cut off");
                (id()?, Kind::Open(unpacker.unpack(&body[10..])?))
            }
            REPLY => {
                // The headers are packed in one stream with all others: they must be read.
                ensure!(body.len() >= 4, "a frame is cut off");
                unpacker.unpack(&body[4..])?;
                (id()?, Kind::Reply)
            }
            RESET => (id()?, Kind::Reset),
            PING => (0, Kind::Ping(number(&body)?)),
            GO_AWAY => (0, Kind::GoAway),
            WINDOW => {
                ensure!(body.len() >= 8, "a frame is cut off");
                (id()?, Kind::Window(number(&body[4..])?))
            }
            HEADERS => {
                ensure!(body.len() >= 4, "a frame is cut off");
                unpacker.unpack(&body[4..])?;
                (id()?, Kind::Reply)
            }
            _ => return Ok(None),
        };
        // Flags of the others mean something else.
        let can_finish = matches!(kind, Kind::Open(_) | Kind::Reply);
        Ok(Some(Self {
            stream,
            last: last && can_finish,
            kind,
        }))
    }

    pub(super) fn encode(&self, packer: &mut Packer) -> anyhow::Result<Vec<u8>> {
        let id = self.stream.to_be_bytes();
        let (kind, body) = match &self.kind {
            Kind::Data(bytes) => {
                let mut out = id.to_vec();
                push_length(&mut out, u8::from(self.last), bytes.len());
                out.extend_from_slice(bytes);
                return Ok(out);
            }
            Kind::Open(headers) => {
                // No associated stream, lowest priority number, no slot.
                let mut body = [&id[..], &[0; 6]].concat();
                body.extend(packer.pack(headers)?);
                (OPEN, body)
            }
            Kind::Reply => (REPLY, [&id[..], &packer.pack(&Vec::new())?].concat()),
            Kind::Reset => (RESET, [id, CANCELLED.to_be_bytes()].concat()),
            Kind::Ping(number) => (PING, number.to_be_bytes().to_vec()),
            Kind::GoAway => (GO_AWAY, vec![0; 8]),
            Kind::Window(more) => (WINDOW, [id, more.to_be_bytes()].concat()),
        };
        let mut out = vec![CONTROL];
        out.push(VERSION.to_be_bytes()[1]);
        out.extend(kind.to_be_bytes());
        let finished = self.last && matches!(self.kind, Kind::Open(_) | Kind::Reply);
        push_length(&mut out, u8::from(finished), body.len());
        out.extend(body);
        Ok(out)
    }
}

const HEADERS: u16 = 8;

fn push_length(out: &mut Vec<u8>, flags: u8, length: usize) {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.push(flags);
    out.extend_from_slice(&length[1..]);
}
