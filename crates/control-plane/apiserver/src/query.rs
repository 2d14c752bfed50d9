//! Query strings, read with the liberties that upstream takes.

/// The parameters of a request, decoded, in order.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub fn parse(raw: &str) -> Self {
        let pairs = raw
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                (decode(name), decode(value))
            })
            .collect();
        Self { pairs }
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(it, _)| it == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value, or nothing if it is empty.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(it, _)| it == name)
            .map(|(_, value)| value.as_str())
    }

    /// Upstream's reading of a boolean: there and neither `0` nor `false` is true, so `watch=` is.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)
            .map(|value| !(value == "0" || value.eq_ignore_ascii_case("false")))
    }

    /// A number; `Err` holds what stands there instead.
    pub fn number(&self, name: &str) -> Result<Option<i64>, String> {
        match self.get(name) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| text.to_owned()),
        }
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
}

/// Percent decoding, with `+` for a space.
fn decode(text: &str) -> String {
    decode_bytes(&text.replace('+', " "))
}

/// Percent decoding of a path segment.
pub(crate) fn decode_bytes(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
