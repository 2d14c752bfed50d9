//! Texts that stand for something else: quantities, times, durations, bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use styr_meta::{Quantity, field, time as clock};

use super::DecodeError;
use crate::duration;

/// A quantity, as upstream would write it back.
pub(crate) fn quantity(text: &str) -> Result<String, DecodeError> {
    match Quantity::parse(text.trim()) {
        Ok(quantity) => Ok(quantity.text()),
        Err(error) => Err(DecodeError::Value(error.to_string())),
    }
}

/// A time, to the second and in UTC.
pub(crate) fn time(text: &str) -> Result<String, DecodeError> {
    clock::parse(text)
        .map(clock::format)
        .ok_or_else(|| bad_time(text, "2006-01-02T15:04:05Z07:00"))
}

/// A time, to the microsecond and in UTC.
pub(crate) fn micro_time(text: &str) -> Result<String, DecodeError> {
    let layout = "2006-01-02T15:04:05.000000Z07:00";
    let at = clock::parse(text).ok_or_else(|| bad_time(text, layout))?;
    // The layout asks for six digits, no fewer and no more.
    let rest = &text[19..];
    let fraction = rest.strip_prefix('.').unwrap_or_default();
    if fraction.bytes().take_while(u8::is_ascii_digit).count() == 6 {
        return Ok(clock::format_micro(at));
    }
    let (text, rest) = (field::quoted(text), field::quoted(rest));
    Err(DecodeError::Value(format!(
        "parsing time {text} as \"{layout}\": cannot parse {rest} as \".000000\""
    )))
}

fn bad_time(text: &str, layout: &str) -> DecodeError {
    let text = field::quoted(text);
    // Go names the first part of the layout that does not fit.
    let digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    let (rest, part) = if digits == 4 {
        (&text[5..text.len() - 1], "-")
    } else {
        (&text[1..text.len() - 1], "2006")
    };
    DecodeError::Value(format!(
        "parsing time {text} as \"{layout}\": cannot parse \"{rest}\" as \"{part}\""
    ))
}

/// A duration, as Go writes it.
pub(super) fn go_duration(text: &str) -> Result<String, DecodeError> {
    match duration::parse(text) {
        Some(nanos) => Ok(duration::format(nanos)),
        None => {
            let text = field::quoted(text);
            Err(DecodeError::Value(format!("time: invalid duration {text}")))
        }
    }
}

/// Base 64 with padding; line ends are allowed, as in Go.
pub(super) fn bytes(text: String) -> Result<String, DecodeError> {
    let text = if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], "")
    } else {
        text
    };
    match STANDARD.decode(text.as_bytes()) {
        Ok(_) => Ok(text),
        Err(error) => {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _)
                | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                _ => text.len() / 4 * 4,
            };
            Err(DecodeError::Value(format!(
                "illegal base64 data at input byte {at}"
            )))
        }
    }
}
