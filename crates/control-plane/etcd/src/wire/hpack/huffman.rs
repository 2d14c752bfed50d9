//! HPACK's Huffman code (RFC 7541, appendix B).
//!
//! The code is canonical: codes of one length follow each other in the order of their symbols, so
//! the lengths are all there is to know.

use std::sync::LazyLock;

/// Bits of each byte's code.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
];
const LENGTH_MAX: usize = 30;

/// The codes of one length: the first one, and their symbols in order.
#[derive(Debug, Default)]
struct Codes {
    first: u32,
    symbols: Vec<u8>,
}

static CODES: LazyLock<[Codes; LENGTH_MAX + 1]> = LazyLock::new(|| {
    let mut codes: [Codes; LENGTH_MAX + 1] = Default::default();
    for (length, symbol) in LENGTHS.iter().zip(0..=u8::MAX) {
        codes[usize::from(*length)].symbols.push(symbol);
    }
    let mut next = 0;
    for codes in codes.iter_mut().skip(1) {
        next <<= 1;
        codes.first = next;
        next += u32::try_from(codes.symbols.len()).expect("at most 256 symbols");
    }
    codes
});

/// The text; `None` if the bytes are not the code's.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let codes = &*CODES;
    let mut text = Vec::with_capacity(bytes.len() * 8 / 5);
    let (mut code, mut length) = (0_u32, 0);
    for byte in bytes {
        for bit in (0..8).rev() {
            code = code << 1 | u32::from(byte >> bit & 1);
            length += 1;
            let of_length = codes.get(length)?;
            let place = code.wrapping_sub(of_length.first);
            let found = usize::try_from(place).ok();
            if let Some(symbol) = found.and_then(|place| of_length.symbols.get(place)) {
                text.push(*symbol);
                (code, length) = (0, 0);
            }
        }
    }
    // What fills the last byte is the beginning of a code of ones only.
    let is_padding = length < 8 && code == (1 << length) - 1;
    is_padding.then_some(text)
}
