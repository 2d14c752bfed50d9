//! The wire format: tags, varints, lengths.

use crate::decode::DecodeError;

/// A value on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// No built-in type has one.
    Fixed32,
}

fn broken<T>(text: &str) -> Result<T, DecodeError> {
    Err(DecodeError::Protobuf(text.to_owned()))
}

/// The fields of a message, in the order they come.
pub(crate) fn fields(bytes: &[u8]) -> Fields<'_> {
    Fields { rest: bytes }
}

pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Wire<'a>), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u32, Wire<'a>), DecodeError> {
        let tag = varint(&mut self.rest)?;
        let Ok(number) = u32::try_from(tag >> 3) else {
            return broken("proto: illegal tag");
        };
        let value = match tag & 7 {
            0 => Wire::Varint(varint(&mut self.rest)?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(varint(&mut self.rest)?).unwrap_or(usize::MAX);
                let Some((value, rest)) = self.rest.split_at_checked(length) else {
                    return broken("unexpected EOF");
                };
                self.rest = rest;
                Wire::Bytes(value)
            }
            5 => {
                let _: [u8; 4] = self.array()?;
                Wire::Fixed32
            }
            _ => return broken("proto: illegal wireType"),
        };
        Ok((number, value))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((value, rest)) = self.rest.split_first_chunk() else {
            return broken("unexpected EOF");
        };
        self.rest = rest;
        Ok(*value)
    }
}

/// Takes a varint off the bytes.
pub(crate) fn varint(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else {
            return broken("unexpected EOF");
        };
        *bytes = rest;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Ok(value);
        }
    }
    broken("proto: integer overflow")
}

pub(crate) fn text(bytes: &[u8]) -> Result<String, DecodeError> {
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value.to_le_bytes()[0] | 128);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn tag(number: u32, wire: u64, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | wire, out);
}

/// A field that is a number.
pub(crate) fn number(field: u32, value: i64, out: &mut Vec<u8>) {
    tag(field, 0, out);
    put_varint(value.cast_unsigned(), out);
}

pub(crate) fn float(field: u32, value: f64, out: &mut Vec<u8>) {
    tag(field, 1, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// A field that is a text or bytes.
pub(crate) fn bytes(field: u32, value: &[u8], out: &mut Vec<u8>) {
    head(field, value.len(), out);
    out.extend_from_slice(value);
}

/// What comes before `len` bytes of a field.
pub(crate) fn head(field: u32, len: usize, out: &mut Vec<u8>) {
    tag(field, 2, out);
    put_varint(len as u64, out);
}

/// A field that is a message, written by `write`.
pub(crate) fn message(field: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    tag(field, 2, out);
    // Most messages are short: one byte for the length, more only if they turn out longer.
    let start = out.len();
    out.push(0);
    write(out);
    let length = out.len() - start - 1;
    if length < 128 {
        out[start] = length.to_le_bytes()[0];
        return;
    }
    let mut prefix = Vec::with_capacity(10);
    put_varint(length as u64, &mut prefix);
    out.splice(start..=start, prefix);
}
