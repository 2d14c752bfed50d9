//! Neighbouring objects of a resource, and what they look like as items of a list.
//!
//! Most lists take whole chunks. So a chunk keeps its items encoded, once somebody has asked for
//! them, and all lists that follow send the same bytes; a write voids those of one chunk.

use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use styr_api::Kind;

use super::entry::Entry;
use crate::response::varint;

/// Bytes that all chunks keep at most, beside the objects themselves.
const KEPT_MAX: usize = 128 << 20;
/// Bytes that a single chunk keeps: what is larger is sent piece by piece.
const ITEMS_MAX: usize = 1 << 20;

static KEPT: AtomicUsize = AtomicUsize::new(0);

/// The number of a list's field `items`, as protobuf writes it.
const ITEMS: u8 = 0x12;

/// Entries in the order of their keys; never empty within a snapshot.
#[derive(Debug)]
pub struct Chunk {
    entries: Vec<Arc<Entry>>,
    json: OnceLock<Items>,
    protobuf: OnceLock<Items>,
}

/// All entries of a chunk, encoded one behind the other.
#[derive(Debug)]
struct Items {
    bytes: Bytes,
    /// Where each ends.
    ends: Box<[usize]>,
}

impl Items {
    /// Writes each entry, with `between` between them.
    fn of(entries: &[Arc<Entry>], between: &[u8], write: impl Fn(&Entry, &mut Vec<u8>)) -> Self {
        let mut out = Vec::with_capacity(json_len(entries));
        let mut ends = Vec::with_capacity(entries.len());
        for entry in entries {
            if !ends.is_empty() {
                out.extend_from_slice(between);
            }
            write(entry, &mut out);
            ends.push(out.len());
        }
        out.shrink_to_fit();
        Self {
            bytes: Bytes::from(out),
            ends: ends.into(),
        }
    }

    /// Some of them, without what is between them and others.
    fn slice(&self, range: &Range<usize>, between: usize) -> Bytes {
        let start = match range.start {
            0 => 0,
            at => self.ends[at - 1] + between,
        };
        match range.end {
            0 => Bytes::new(),
            end => self.bytes.slice(start..self.ends[end - 1]),
        }
    }
}

fn json_len(entries: &[Arc<Entry>]) -> usize {
    entries.iter().map(|entry| entry.json_len() + 1).sum()
}

/// Appends a message as an item of a list's message.
pub fn write_item(message: &[u8], out: &mut Vec<u8>) {
    out.push(ITEMS);
    varint(out, message.len());
    out.extend_from_slice(message);
}

impl Chunk {
    pub(crate) fn new(entries: Vec<Arc<Entry>>) -> Self {
        Self {
            entries,
            json: OnceLock::new(),
            protobuf: OnceLock::new(),
        }
    }

    /// Access for a change; what was encoded is void.
    pub(crate) fn entries_mut(&mut self) -> &mut Vec<Arc<Entry>> {
        self.forget();
        &mut self.entries
    }

    fn forget(&mut self) {
        for kept in [self.json.take(), self.protobuf.take()].iter().flatten() {
            KEPT.fetch_sub(kept.bytes.len(), Ordering::Relaxed);
        }
    }
}

impl Deref for Chunk {
    type Target = [Arc<Entry>];

    fn deref(&self) -> &[Arc<Entry>] {
        &self.entries
    }
}

/// A copy is made for a change, which would void what is kept.
impl Clone for Chunk {
    fn clone(&self) -> Self {
        Self::new(self.entries.clone())
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Consecutive entries of one chunk: what a list is made of.
#[derive(Debug, Clone)]
pub struct Run {
    chunk: Arc<Chunk>,
    range: Range<usize>,
}

impl Run {
    pub(crate) fn new(chunk: &Arc<Chunk>, range: Range<usize>) -> Self {
        Self {
            chunk: Arc::clone(chunk),
            range,
        }
    }

    /// A run of entries that no snapshot holds.
    pub(crate) fn of(entries: Vec<Arc<Entry>>) -> Self {
        let range = 0..entries.len();
        Self {
            chunk: Arc::new(Chunk::new(entries)),
            range,
        }
    }

    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.chunk[self.range.clone()]
    }

    pub fn len(&self) -> usize {
        self.range.len()
    }

    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The first `len` entries, and the others.
    pub(crate) fn split(self, len: usize) -> (Self, Self) {
        let middle = self.range.end.min(self.range.start + len);
        let (start, end) = (self.range.start, self.range.end);
        let head = Self::new(&self.chunk, start..middle);
        (head, Self::new(&self.chunk, middle..end))
    }

    /// The parts whose entries are `wanted`.
    pub(crate) fn filter(self, wanted: impl Fn(&Entry) -> bool) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        for at in self.range.clone().filter(|at| wanted(&self.chunk[*at])) {
            match parts.last_mut().filter(|part| part.range.end == at) {
                Some(part) => part.range.end += 1,
                None => parts.push(Self::new(&self.chunk, at..at + 1)),
            }
        }
        parts
    }

    /// About as long as the run is in JSON.
    pub fn json_len(&self) -> usize {
        json_len(self.entries())
    }

    /// The items with commas between them, out of what all lists share; `None` if it is not worth
    /// keeping that.
    pub fn shared_json(&self) -> Option<Bytes> {
        let make = || Items::of(&self.chunk, b",", Entry::write_item);
        Some(self.shared(&self.chunk.json, make)?.slice(&self.range, 1))
    }

    /// The same as fields of a list's message, each behind its length.
    pub fn shared_protobuf(&self, kind: &Kind) -> Option<Bytes> {
        let write = |entry: &Entry, out: &mut Vec<u8>| {
            write_item(&entry.protobuf_once(kind), out);
        };
        let make = || Items::of(&self.chunk, b"", write);
        let items = self.shared(&self.chunk.protobuf, make)?;
        Some(items.slice(&self.range, 0))
    }

    /// Most of a chunk is worth encoding all of it.
    fn shared<'a>(
        &self,
        place: &'a OnceLock<Items>,
        make: impl Fn() -> Items,
    ) -> Option<&'a Items> {
        if let Some(kept) = place.get() {
            return Some(kept);
        }
        let is_most = self.len() * 2 >= self.chunk.len();
        let len = json_len(&self.chunk);
        if !is_most || len > ITEMS_MAX || KEPT.load(Ordering::Relaxed) + len > KEPT_MAX {
            return None;
        }
        let items = make();
        let len = items.bytes.len();
        if place.set(items).is_ok() {
            KEPT.fetch_add(len, Ordering::Relaxed);
        }
        place.get()
    }
}

#[cfg(test)]
mod tests;
