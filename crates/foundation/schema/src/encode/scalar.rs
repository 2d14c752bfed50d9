//! Texts and numbers as Go's JSON encoder writes them.

use std::io::Write as _;

use serde_json::Number;

/// A text in quotes.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x8 => b"\\b",
            0xc => b"\\f",
            b'<' => b"\\u003c",
            b'>' => b"\\u003e",
            b'&' => b"\\u0026",
            0..0x20 => b"",
            // The separators U+2028 and U+2029, which JavaScript does not allow in texts.
            0xe2 if bytes[at..].starts_with(b"\xe2\x80\xa8") => b"\\u2028",
            0xe2 if bytes[at..].starts_with(b"\xe2\x80\xa9") => b"\\u2029",
            _ => continue,
        };
        out.extend_from_slice(&bytes[start..at]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        }
        out.extend_from_slice(escape);
        start = at + if byte == 0xe2 { 3 } else { 1 };
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// A number; a fraction in Go's shortest form.
pub(super) fn number(number: &Number, out: &mut Vec<u8>) {
    if let (None, None, Some(float)) = (number.as_i64(), number.as_u64(), number.as_f64()) {
        let size = float.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let text = format!("{float:e}");
            let text = if text.contains("e-") {
                text
            } else {
                text.replace('e', "e+")
            };
            out.extend_from_slice(text.as_bytes());
        } else {
            let _ = write!(out, "{float}");
        }
    } else {
        let _ = write!(out, "{number}");
    }
}
