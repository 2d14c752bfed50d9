//! Times as Kubernetes writes them: `Time` to the second, `MicroTime` to the microsecond.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A `Time`: RFC 3339, seconds, UTC.
pub fn format(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// A `MicroTime`: RFC 3339, always six digits after the point, UTC.
pub fn format_micro(at: Timestamp) -> String {
    let whole = at
        .to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string();
    format!(
        "{whole}.{:06}Z",
        at.subsec_nanosecond().unsigned_abs() / 1000
    )
}

/// Reads an RFC 3339 time with a zone, as Go's layout `2006-01-02T15:04:05Z07:00` does.
pub fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| {
        bytes
            .get(from..to)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let shaped = marks.iter().all(|&(at, mark)| bytes.get(at) == Some(&mark))
        && [(0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19)]
            .iter()
            .all(|&(from, to)| digits(from, to));
    if !shaped {
        return None;
    }
    text.parse().ok()
}
