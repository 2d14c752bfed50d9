//! Reading container logs in CRI's format: `TIME stdout|stderr F|P text`, one line each.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use jiff::Timestamp;

pub(crate) mod follow;
#[cfg(test)]
mod tests;

/// How much of the end of a log is looked at when its last lines are wanted, at a time.
const BLOCK_BYTES: u64 = 64 << 10;

/// One line of a log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) time: &'a str,
    pub(crate) stream: &'a str,
    /// Whether the text ends here; else the next line goes on with it.
    pub(crate) is_full: bool,
    pub(crate) text: &'a [u8],
}

/// Reads a line without its line feed.
pub(crate) fn parse(line: &[u8]) -> Option<Line<'_>> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let mut word = || std::str::from_utf8(parts.next()?).ok();
    let (time, stream, tags) = (word()?, word()?, word()?);
    let is_full = tags.split(':').next() != Some("P");
    Some(Line {
        time,
        stream,
        is_full,
        text: parts.next().unwrap_or_default(),
    })
}

/// What a reader of logs wants.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) follow: bool,
    pub(crate) timestamps: bool,
    pub(crate) since: Option<Timestamp>,
    pub(crate) tail: Option<u64>,
    pub(crate) limit_bytes: Option<u64>,
    /// `stdout` or `stderr`; both if absent.
    pub(crate) stream: Option<String>,
}

/// Writes the lines of `bytes` that are wanted; answers whether the limit was reached.
pub(crate) fn select(
    bytes: &[u8],
    options: &Options,
    written: &mut u64,
    out: &mut Vec<u8>,
) -> bool {
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = parse(line.strip_suffix(b"\n").unwrap_or(line)) else {
            continue;
        };
        if options
            .stream
            .as_ref()
            .is_some_and(|stream| *stream != line.stream)
        {
            continue;
        }
        if let Some(since) = options.since {
            let time = line.time.parse::<Timestamp>();
            if time.is_ok_and(|time| time < since) {
                continue;
            }
        }
        let start = out.len();
        if options.timestamps {
            out.extend_from_slice(line.time.as_bytes());
            out.push(b' ');
        }
        out.extend_from_slice(line.text);
        if line.is_full {
            out.push(b'\n');
        }
        let added = (out.len() - start) as u64;
        if let Some(limit) = options.limit_bytes
            && *written + added >= limit
        {
            let keep = usize::try_from(limit - *written).unwrap_or(usize::MAX);
            out.truncate(start + keep);
            *written = limit;
            return true;
        }
        *written += added;
    }
    false
}

/// Where the last `lines` lines of a file begin.
pub(crate) fn tail_offset(file: &mut File, lines: u64) -> io::Result<u64> {
    let mut at = file.seek(SeekFrom::End(0))?;
    if lines == 0 {
        return Ok(at);
    }
    let end = at;
    let mut found = 0;
    while at > 0 {
        let size = at.min(BLOCK_BYTES);
        at -= size;
        file.seek(SeekFrom::Start(at))?;
        let mut block = vec![0; usize::try_from(size).unwrap_or(0)];
        file.read_exact(&mut block)?;
        for (index, byte) in block.iter().enumerate().rev() {
            let position = at + index as u64;
            if *byte == b'\n' && position + 1 != end {
                found += 1;
                if found == lines {
                    return Ok(position + 1);
                }
            }
        }
    }
    Ok(0)
}

/// The text of the last lines of a log, at most `bytes` of it; empty if it cannot be read.
pub(crate) fn tail(path: &Path, lines: usize, bytes: usize) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let offset = tail_offset(&mut file, lines as u64)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let mut out = Vec::new();
        select(&content, &Options::default(), &mut 0, &mut out);
        Ok(out)
    };
    let text = read().unwrap_or_default();
    let start = text.len().saturating_sub(bytes);
    String::from_utf8_lossy(&text[start..]).into_owned()
}
