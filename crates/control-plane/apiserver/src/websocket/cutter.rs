//! Cuts a stream of bytes into messages, wherever its chunks end.

use bytes::{Buf as _, Bytes, BytesMut};

use super::Messages;

/// Bytes of a length before a message.
const PREFIX: usize = 4;

/// Holds the beginning of a message that has not come whole.
pub(super) struct Cutter {
    messages: Messages,
    held: BytesMut,
}

impl Cutter {
    pub(super) fn new(messages: Messages) -> Self {
        Self {
            messages,
            held: BytesMut::new(),
        }
    }

    /// The messages that are whole with this chunk.
    pub(super) fn cut(&mut self, chunk: Bytes) -> Vec<Bytes> {
        if self.messages == Messages::Bytes {
            let has_any = !chunk.is_empty();
            return has_any.then_some(chunk).into_iter().collect();
        }
        self.held.extend_from_slice(&chunk);
        std::iter::from_fn(|| self.next()).collect()
    }

    fn next(&mut self) -> Option<Bytes> {
        if self.messages == Messages::Lines {
            let end = self.held.iter().position(|byte| *byte == b'\n')?;
            return Some(self.held.split_to(end + 1).freeze());
        }
        let prefix = self.held.first_chunk::<PREFIX>()?;
        let length = usize::try_from(u32::from_be_bytes(*prefix)).expect("32 bits fit");
        if self.held.len() < PREFIX + length {
            return None;
        }
        self.held.advance(PREFIX);
        Some(self.held.split_to(length).freeze())
    }
}

#[cfg(test)]
mod tests;
