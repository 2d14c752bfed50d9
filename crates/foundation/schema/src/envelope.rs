//! The envelope of protobuf bodies: four magic bytes and a `runtime.Unknown`.

use crate::decode::DecodeError;
use crate::protobuf::wire::{self, Wire};

/// What comes before every protobuf body.
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// What an envelope holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope<'a> {
    pub api_version: String,
    pub kind: String,
    pub raw: &'a [u8],
    pub content_encoding: String,
    pub content_type: String,
}

/// Opens an envelope.
pub fn unwrap(bytes: &[u8]) -> Result<Envelope<'_>, DecodeError> {
    let Some(body) = bytes.strip_prefix(MAGIC) else {
        let text = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
        return Err(DecodeError::Protobuf(text.to_owned()));
    };
    let mut envelope = Envelope::default();
    for part in wire::fields(body) {
        match part? {
            (1, Wire::Bytes(meta)) => {
                for part in wire::fields(meta) {
                    match part? {
                        (1, Wire::Bytes(text)) => envelope.api_version = wire::text(text)?,
                        (2, Wire::Bytes(text)) => envelope.kind = wire::text(text)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(raw)) => envelope.raw = raw,
            (3, Wire::Bytes(text)) => envelope.content_encoding = wire::text(text)?,
            (4, Wire::Bytes(text)) => envelope.content_type = wire::text(text)?,
            _ => {}
        }
    }
    Ok(envelope)
}

/// What comes behind the message of an envelope.
pub const CLOSE: &[u8] = &[0x1a, 0, 0x22, 0];

/// Appends an envelope with a message in it.
pub fn wrap(api_version: &str, kind: &str, raw: &[u8], out: &mut Vec<u8>) {
    open(api_version, kind, raw.len(), out);
    out.extend_from_slice(raw);
    out.extend_from_slice(CLOSE);
}

/// Appends what comes before a message of `len` bytes; the message and [`CLOSE`] are to follow.
pub fn open(api_version: &str, kind: &str, len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    wire::message(1, out, |out| {
        wire::bytes(1, api_version.as_bytes(), out);
        wire::bytes(2, kind.as_bytes(), out);
    });
    wire::head(2, len, out);
}
