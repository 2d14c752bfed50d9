//! All objects of a resource, by key, so that a reader takes a copy for the price of one pointer.
//!
//! Sorted chunks behind shared pointers: a writer copies a chunk, and the list of chunks, only while
//! a reader holds them.

use std::sync::Arc;

use super::chunk::{Chunk, Run};
use super::entry::Entry;

/// Entries of one chunk; a write copies that many pointers at most.
const CHUNK_MAX: usize = 256;

/// An immutable view once cloned.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    #[expect(
        clippy::rc_buffer,
        reason = "a writer who is alone changes it in place"
    )]
    chunks: Arc<Vec<Arc<Chunk>>>,
    len: usize,
}

impl Snapshot {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        let at = chunk.binary_search_by(|entry| entry.key().cmp(key)).ok()?;
        Some(&chunk[at])
    }

    /// Puts an entry in its place; answers the one that it replaces.
    pub(crate) fn insert(&mut self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let at = self.chunk_of(entry.key());
        let chunks = Arc::make_mut(&mut self.chunks);
        if chunks.is_empty() {
            chunks.push(Arc::new(Chunk::new(vec![entry])));
            self.len = 1;
            return None;
        }
        let at = at.min(chunks.len() - 1);
        let chunk = Arc::make_mut(&mut chunks[at]).entries_mut();
        match chunk.binary_search_by(|it| it.key().cmp(entry.key())) {
            Ok(place) => Some(std::mem::replace(&mut chunk[place], entry)),
            Err(place) => {
                chunk.insert(place, entry);
                if chunk.len() > CHUNK_MAX {
                    let upper = chunk.split_off(CHUNK_MAX / 2);
                    chunks.insert(at + 1, Arc::new(Chunk::new(upper)));
                }
                self.len += 1;
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Arc<Entry>> {
        let at = self.chunk_of(key);
        let place = {
            let chunk = self.chunks.get(at)?;
            chunk.binary_search_by(|entry| entry.key().cmp(key)).ok()?
        };
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = Arc::make_mut(&mut chunks[at]).entries_mut();
        let removed = chunk.remove(place);
        if chunk.is_empty() {
            chunks.remove(at);
        }
        self.len -= 1;
        Some(removed)
    }

    /// Entries whose key begins with `prefix` and is not less than `start`, ascending.
    pub fn range<'a>(
        &'a self,
        prefix: &'a str,
        start: &str,
    ) -> impl Iterator<Item = &'a Arc<Entry>> + 'a {
        let start = if start > prefix { start } else { prefix };
        let first = self.chunk_of(start);
        let skip = self.chunks.get(first).map_or(0, |chunk| {
            chunk.partition_point(|entry| entry.key() < start)
        });
        self.chunks
            .iter()
            .skip(first)
            .flat_map(|chunk| chunk.iter())
            .skip(skip)
            .take_while(move |entry| entry.key().starts_with(prefix))
    }

    /// The same as [`Snapshot::range`], chunk by chunk.
    pub fn runs<'a>(&'a self, prefix: &'a str, start: &'a str) -> impl Iterator<Item = Run> + 'a {
        let start = if start > prefix { start } else { prefix };
        let first = self.chunk_of(start);
        let within = move |chunk: &Arc<Chunk>| {
            let from = chunk.partition_point(|entry| entry.key() < start);
            let rest = &chunk[from..];
            let ends_within = rest
                .last()
                .is_some_and(|entry| entry.key().starts_with(prefix));
            let len = if ends_within {
                rest.len()
            } else {
                rest.partition_point(|entry| entry.key().starts_with(prefix))
            };
            Run::new(chunk, from..from + len)
        };
        self.chunks
            .iter()
            .skip(first)
            .map(within)
            .take_while(|run| !run.is_empty())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The chunk in which `key` is or would be.
    fn chunk_of(&self, key: &str) -> usize {
        self.chunks
            .partition_point(|chunk| chunk.last().expect("no chunk is empty").key() < key)
    }
}

#[cfg(test)]
mod tests;
