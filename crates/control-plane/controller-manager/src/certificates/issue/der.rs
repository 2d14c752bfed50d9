//! The few forms of DER that a certificate is written in.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `ecdsa-with-SHA256`, without parameters.
pub(super) const ECDSA_SHA256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// `ecdsa-with-SHA384`, without parameters.
pub(super) const ECDSA_SHA384: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
/// `sha256WithRSAEncryption`, whose parameters are null.
pub(super) const RSA_SHA256: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];
/// `Ed25519`, without parameters.
pub(super) const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];

pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = length
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(length.len() - 1);
    let length = &length[significant..];
    if content.len() >= 0x80 {
        out.push(0x80 | u8::try_from(length.len()).expect("at most eight bytes"));
    }
    out.extend_from_slice(length);
    out.extend_from_slice(content);
    out
}

pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// A positive number, whose first bit must be zero.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    tagged(2, bytes)
}

pub(super) fn bits(bytes: &[u8], unused: u8) -> Vec<u8> {
    let mut content = vec![unused];
    content.extend_from_slice(bytes);
    tagged(3, &content)
}

/// UTCTime until 2049, GeneralizedTime after it, as RFC 5280 wants it.
pub(super) fn time(at: Timestamp) -> Vec<u8> {
    let at = at.to_zoned(TimeZone::UTC);
    if at.year() < 2050 {
        tagged(0x17, at.strftime("%y%m%d%H%M%SZ").to_string().as_bytes())
    } else {
        tagged(0x18, at.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
    }
}

/// `id-kp` and a last arc.
pub(super) fn purpose(arc: u8) -> Vec<u8> {
    tagged(6, &[0x2b, 6, 1, 5, 5, 7, 3, arc])
}

/// An extension `id-ce` and a last arc.
pub(super) fn extension(arc: u8, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![tagged(6, &[0x55, 0x1d, arc])];
    if is_critical {
        parts.push(tagged(1, &[0xff]));
    }
    parts.push(tagged(4, value));
    sequence(&parts)
}
