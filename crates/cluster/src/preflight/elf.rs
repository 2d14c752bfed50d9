//! Whether a program needs a loader: its ELF file then has a segment that names one.
//!
//! See <https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html>.

use std::io;
use std::os::unix::fs::FileExt;

/// Of a 64-bit file of the machine's own byte order.
const HEADER_LENGTH: usize = 64;
const SEGMENT_LENGTH: usize = 56;
const MAGIC: &[u8] = b"\x7fELF\x02";
/// Where in the header stand: place, length and number of the segments' descriptions.
const PLACE: usize = 32;
const LENGTH: usize = 54;
const NUMBER: usize = 56;
/// The type of the segment that names a loader.
const INTERPRETER: u32 = 3;

/// Reads the file's segments.
pub(super) fn asks_for_a_loader(file: &impl FileExt) -> io::Result<bool> {
    let mut header = [0; HEADER_LENGTH];
    file.read_exact_at(&mut header, 0)?;
    if !header.starts_with(MAGIC) {
        return Err(io::Error::other("it is no 64-bit ELF file"));
    }
    let place = u64::from_ne_bytes(part(&header, PLACE));
    let length = u64::from(u16::from_ne_bytes(part(&header, LENGTH)));
    let number = u64::from(u16::from_ne_bytes(part(&header, NUMBER)));
    for at in 0..number {
        let mut segment = [0; SEGMENT_LENGTH];
        file.read_exact_at(&mut segment, place + at * length)?;
        if u32::from_ne_bytes(part(&segment, 0)) == INTERPRETER {
            return Ok(true);
        }
    }
    Ok(false)
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let part = bytes[at..at + N].try_into();
    part.expect("the range has that length")
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_program_with_libraries_asks_for_a_loader() {
        let this = File::open("/proc/self/exe").unwrap();
        assert!(asks_for_a_loader(&this).unwrap());
    }

    #[test]
    fn what_is_no_program_is_an_error() {
        let text = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        assert!(asks_for_a_loader(&text).is_err());
    }
}
