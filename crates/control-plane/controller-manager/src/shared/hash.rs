//! Short names for contents: of pod templates and of revisions.
//!
//! Upstream hashes Go's memory layout of the template, which is not a contract; it compares contents
//! whenever it looks for an existing object, and so do we. So either side takes over from the other.

use serde::Serialize;

const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// FNV-1a over the canonical JSON and the number of collisions so far, in safe letters.
pub(crate) fn of(content: &impl Serialize, collisions: Option<i32>) -> String {
    // Through a tree, so that the order of keys is always the same.
    let tree = serde_json::to_value(content).expect("maps with string keys");
    let mut hash = fnv(tree.to_string().as_bytes(), 0x811c_9dc5);
    if let Some(collisions) = collisions {
        hash = fnv(&collisions.to_le_bytes(), hash);
    }
    encode(&hash.to_string())
}

fn fnv(bytes: &[u8], start: u32) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(start, step)
}

/// Without vowels and look-alikes, so that no words come out.
pub(crate) fn encode(text: &str) -> String {
    let letter = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
    text.bytes().map(letter).collect()
}
