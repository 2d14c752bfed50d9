//! Blocks of headers: packed with zlib, all blocks of one direction as one stream, from a
//! dictionary that both sides know.

use anyhow::{Context, ensure};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::Headers;

static DICTIONARY: &[u8] = include_bytes!("dictionary.bin");
const LONGEST: usize = 1 << 20;
const MOST_HEADERS: u32 = 1000;
const ROOM: usize = 4096;

pub(super) struct Packer(Compress);
pub(super) struct Unpacker(Decompress);

impl Packer {
    pub(super) fn new() -> Self {
        let mut packer = Compress::new(Compression::best(), true);
        // Only refused after the first block.
        let _ = packer.set_dictionary(DICTIONARY);
        Self(packer)
    }

    pub(super) fn pack(&mut self, headers: &Headers) -> anyhow::Result<Vec<u8>> {
        let mut plain = Vec::new();
        push(&mut plain, headers.len());
        for (name, value) in headers {
            for text in [name.to_ascii_lowercase().as_str(), value] {
                push(&mut plain, text.len());
                plain.extend_from_slice(text.as_bytes());
            }
        }
        let mut out = Vec::new();
        let start = self.0.total_in();
        loop {
            out.reserve(ROOM);
            let read = usize::try_from(self.0.total_in() - start)?;
            let room = out.capacity() - out.len();
            let before = self.0.total_out();
            self.0
                .compress_vec(&plain[read..], &mut out, FlushCompress::Sync)?;
            let wrote = usize::try_from(self.0.total_out() - before)?;
            if usize::try_from(self.0.total_in() - start)? == plain.len() && wrote < room {
                return Ok(out);
            }
        }
    }
}

impl Unpacker {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }

    pub(super) fn unpack(&mut self, packed: &[u8]) -> anyhow::Result<Headers> {
        let mut plain = Vec::new();
        let start = self.0.total_in();
        loop {
            ensure!(plain.len() <= LONGEST, "headers are too long");
            plain.reserve(ROOM);
            let read = usize::try_from(self.0.total_in() - start)?;
            let room = plain.capacity() - plain.len();
            let before = self.0.total_out();
            let step = self
                .0
                .decompress_vec(&packed[read..], &mut plain, FlushDecompress::Sync);
            match step {
                Ok(Status::StreamEnd) => break,
                Ok(_) => {}
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0.set_dictionary(DICTIONARY)?;
                    continue;
                }
                Err(error) => return Err(error).context("headers are damaged"),
            }
            let wrote = usize::try_from(self.0.total_out() - before)?;
            if usize::try_from(self.0.total_in() - start)? == packed.len() && wrote < room {
                break;
            }
        }
        read(&plain)
    }
}

fn push(out: &mut Vec<u8>, length: usize) {
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn read(mut plain: &[u8]) -> anyhow::Result<Headers> {
    let count = take_number(&mut plain)?;
    ensure!(count <= MOST_HEADERS, "too many headers");
    let mut headers = Vec::new();
    for _ in 0..count {
        let name = take_text(&mut plain)?;
        headers.push((name, take_text(&mut plain)?));
    }
    Ok(headers)
}

fn take_number(plain: &mut &[u8]) -> anyhow::Result<u32> {
    let (head, rest) = plain.split_at_checked(4).context("headers are cut off")?;
    *plain = rest;
    Ok(u32::from_be_bytes(head.try_into()?))
}

fn take_text(plain: &mut &[u8]) -> anyhow::Result<String> {
    let length = usize::try_from(take_number(plain)?)?;
    let (head, rest) = plain
        .split_at_checked(length)
        .context("headers are cut off")?;
    *plain = rest;
    Ok(String::from_utf8_lossy(head).into_owned())
}
