//! The fields that HPACK's numbers stand for: 61 fixed ones, then those that the client added.

use std::collections::VecDeque;

use bytes::Bytes;

/// A header's name and value.
pub(crate) type Field = (Bytes, Bytes);

/// Bytes of the client's fields, by the table's own count; the protocol's default.
const SIZE_MAX: usize = 4_096;
/// What each of them counts besides its text.
const FIELD_COST: usize = 32;

/// RFC 7541, appendix A.
const FIXED: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The table of one connection.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest first.
    added: VecDeque<Field>,
    size: usize,
    limit: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            added: VecDeque::new(),
            size: 0,
            limit: SIZE_MAX,
        }
    }
}

impl Table {
    /// The field with that number, which begins at 1.
    pub(super) fn get(&self, number: usize) -> Option<Field> {
        let place = number.checked_sub(1)?;
        if let Some((name, value)) = FIXED.get(place) {
            let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
            return Some((bytes(name), bytes(value)));
        }
        self.added.get(place - FIXED.len()).cloned()
    }

    pub(super) fn add(&mut self, field: Field) {
        self.size += cost(&field);
        self.added.push_front(field);
        self.evict();
    }

    /// Sets how large the table may be; false if that is more than was allowed.
    pub(super) fn set_limit(&mut self, limit: usize) -> bool {
        self.limit = limit;
        self.evict();
        limit <= SIZE_MAX
    }

    fn evict(&mut self) {
        while self.size > self.limit
            && let Some(oldest) = self.added.pop_back()
        {
            self.size -= cost(&oldest);
        }
    }
}

fn cost((name, value): &Field) -> usize {
    name.len() + value.len() + FIELD_COST
}
