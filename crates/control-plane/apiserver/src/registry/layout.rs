//! Finds, in the JSON of a stored object, where its resourceVersion belongs.
//!
//! Stored objects are written in the order of upstream's structs: `kind`, `apiVersion`, `metadata`
//! with `name`, `generateName`, `namespace`, `uid` and, next, `resourceVersion`, which is not stored.
//! One pass over the first few hundred bytes, without decoding.

/// Where the pieces of an object begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Just behind `"apiVersion":"...",`: what an item of a list begins with, after its brace.
    pub(crate) body: usize,
    /// Behind the last of the fields that precede `resourceVersion` in `metadata`.
    pub(crate) splice: usize,
}

/// Fields of `ObjectMeta` that are written before `resourceVersion`.
const BEFORE: [&[u8]; 5] = [b"name", b"generateName", b"namespace", b"selfLink", b"uid"];

impl Layout {
    /// `None` if the object is not in canonical form: it must be decoded and written anew.
    pub(crate) fn of(json: &[u8]) -> Option<Self> {
        let mut scan = Scan { json, at: 0 };
        scan.expect(b'{')?;
        if scan.key()? != b"kind" {
            return None;
        }
        scan.string()?;
        scan.expect(b',')?;
        if scan.key()? != b"apiVersion" {
            return None;
        }
        scan.string()?;
        scan.expect(b',')?;
        let body = scan.at;
        if scan.key()? != b"metadata" {
            return None;
        }
        scan.expect(b'{')?;
        let mut splice = None;
        loop {
            let key = scan.key()?;
            if key == b"resourceVersion" {
                return None;
            }
            if !BEFORE.contains(&key) {
                break;
            }
            scan.string()?;
            splice = Some(scan.at);
            if *json.get(scan.at)? != b',' {
                break;
            }
            scan.at += 1;
        }
        Some(Self {
            body,
            splice: splice?,
        })
    }
}

struct Scan<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn expect(&mut self, byte: u8) -> Option<()> {
        if *self.json.get(self.at)? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.string()?;
        self.expect(b':')?;
        Some(key)
    }

    /// A string's raw text, escapes and all.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match *self.json.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let text = &self.json[start..self.at];
        self.at += 1;
        Some(text)
    }
}

#[cfg(test)]
mod tests;
