//! Headers on the wire (HPACK, RFC 7541).
//!
//! What comes in is decoded in full. What goes out uses no table, so nothing has to be kept in step
//! with the client: answers have few headers.

mod huffman;
mod table;

use bytes::Bytes;
use http::HeaderMap;

pub(crate) use self::table::Field;
use self::table::Table;

/// Bytes of all fields of one request together.
const FIELDS_MAX: usize = 64 << 10;

/// Decodes the header blocks of one connection, in order.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    table: Table,
}

impl Decoder {
    /// Puts the fields of one block into `fields`; false if the block is none.
    pub(crate) fn decode(&mut self, block: &[u8], fields: &mut Vec<Field>) -> bool {
        fields.clear();
        let mut rest = block;
        let mut size = 0;
        while !rest.is_empty() {
            let Some(field) = self.field(&mut rest) else {
                return false;
            };
            let Some(field) = field else { continue };
            size += field.0.len() + field.1.len();
            if size > FIELDS_MAX {
                return false;
            }
            fields.push(field);
        }
        true
    }

    /// The next field; nothing in it if it was only a change of the table's size.
    fn field(&mut self, rest: &mut &[u8]) -> Option<Option<Field>> {
        let first = *rest.first()?;
        if first & 0x80 != 0 {
            let number = integer(rest, 7)?;
            return self.table.get(number).map(Some);
        }
        if first & 0xe0 == 0x20 {
            let limit = integer(rest, 5)?;
            return self.table.set_limit(limit).then_some(None);
        }
        let is_kept = first & 0x40 != 0;
        let number = integer(rest, if is_kept { 6 } else { 4 })?;
        let name = match number {
            0 => string(rest)?,
            number => self.table.get(number)?.0,
        };
        let field = (name, string(rest)?);
        if is_kept {
            self.table.add(field.clone());
        }
        Some(Some(field))
    }
}

/// An integer that begins in the low `bits` of the first byte.
fn integer(rest: &mut &[u8], bits: u32) -> Option<usize> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    let mask = (1_u8 << bits) - 1;
    let mut value = usize::from(first & mask);
    if value < usize::from(mask) {
        return Some(value);
    }
    // Four bytes are more than any length or number that is taken.
    for shift in [0, 7, 14, 21] {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn string(rest: &mut &[u8]) -> Option<Bytes> {
    let is_huffman = rest.first()? & 0x80 != 0;
    let length = integer(rest, 7)?;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    if is_huffman {
        huffman::decode(text).map(Bytes::from)
    } else {
        Some(Bytes::copy_from_slice(text))
    }
}

/// Encodes the head of an answer; `status` is `None` in trailers.
pub(crate) fn encode(status: Option<http::StatusCode>, headers: &HeaderMap) -> Vec<u8> {
    let mut block = Vec::new();
    if let Some(status) = status {
        literal(&mut block, b":status", status.as_str().as_bytes());
    }
    for (name, value) in headers {
        literal(&mut block, name.as_str().as_bytes(), value.as_bytes());
    }
    block
}

/// A field that neither side keeps.
pub(crate) fn literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0);
    for text in [name, value] {
        put_length(block, text.len());
        block.extend_from_slice(text);
    }
}

fn put_length(block: &mut Vec<u8>, length: usize) {
    const MASK: usize = 0x7f;
    let low = |value: usize| u8::try_from(value & MASK).expect("seven bits");
    if length < MASK {
        block.push(low(length));
        return;
    }
    block.push(0x7f);
    let mut rest = length - MASK;
    while rest > MASK {
        block.push(low(rest) | 0x80);
        rest >>= 7;
    }
    block.push(low(rest));
}

#[cfg(test)]
mod tests;
