//! The write-ahead log: frames of records, one frame per batch of writers.
//!
//! A frame is magic, length, CRC32C and sequence number, then the records; frames start at
//! multiples of eight bytes. A frame is written only after the one before it is on disk, so a bad
//! frame with a good one behind it cannot be a torn write: that is damage, and an error. The file
//! is filled with zeros ahead of writing, because `fdatasync` of a growing file costs 1.6 times more.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{Disk, DiskFile};
use crate::record::Record;

/// Starts every frame; not a plausible length, text or zero.
const MAGIC: u32 = 0x5354_5952;
const HEADER: usize = 24;
const ALIGNMENT: usize = 8;
/// So many zeros are written ahead at once.
const AHEAD: u64 = 1 << 20;
const PREFIX: &str = "log-";

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk.
    #[error("could not read {name} in {place}")]
    Read {
        /// Folder.
        place: String,
        /// File.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Acknowledged writes are gone.
    #[error(
        "{name} in {place} is damaged at byte {offset}, and intact writes follow; restore the \
         folder from a backup or a snapshot, do not delete the file"
    )]
    Damaged {
        /// Folder.
        place: String,
        /// File.
        name: String,
        /// Start of the bad frame.
        offset: usize,
    },
}

/// The log's end, where frames are appended.
#[derive(Debug)]
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    file: Box<dyn DiskFile>,
    /// Where the next frame goes.
    offset: u64,
    /// Up to here the file is filled with zeros.
    filled: u64,
    /// Number of the next frame.
    sequence: u64,
}

/// What a folder's log files hold.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) records: Vec<Record>,
    /// The number of the next frame.
    pub(crate) sequence: u64,
}

impl Log {
    /// Starts a new file with frame `sequence`.
    pub(crate) fn start(disk: Arc<dyn Disk>, sequence: u64) -> io::Result<Self> {
        let file = disk.open(&file_name(sequence))?;
        let mut log = Self {
            disk,
            file,
            offset: 0,
            filled: 0,
            sequence,
        };
        log.fill(1)?;
        log.file.sync_data()?;
        log.disk.sync()?;
        Ok(log)
    }

    /// Writes one frame and waits until it is on disk.
    pub(crate) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let frame = encode_frame(self.sequence, records);
        let length = u64::try_from(frame.len()).expect("a frame fits into memory");
        self.fill(self.offset + length)?;
        self.file.write_at(self.offset, &frame)?;
        self.file.sync_data()?;
        self.offset += length;
        self.sequence += 1;
        Ok(())
    }

    /// Goes on in a new file, and answers the number that its first frame will have.
    pub(crate) fn rotate(&mut self) -> io::Result<u64> {
        *self = Self::start(Arc::clone(&self.disk), self.sequence)?;
        Ok(self.sequence)
    }

    /// Bytes in the current file.
    pub(crate) fn size(&self) -> u64 {
        self.offset
    }

    fn fill(&mut self, up_to: u64) -> io::Result<()> {
        while self.filled < up_to {
            let zeros = vec![0; usize::try_from(AHEAD).expect("a constant that fits")];
            self.file.write_at(self.filled, &zeros)?;
            self.filled += AHEAD;
        }
        Ok(())
    }
}

/// The name of the file whose first frame has that number.
fn file_name(sequence: u64) -> String {
    format!("{PREFIX}{sequence:016x}")
}

fn first_sequence(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix(PREFIX)?, 16).ok()
}

/// Removes files all of whose frames come before `sequence`.
pub(crate) fn remove_before(disk: &dyn Disk, sequence: u64) -> io::Result<()> {
    for name in disk.list()? {
        if first_sequence(&name).is_some_and(|first| first < sequence) {
            disk.remove(&name)?;
        }
    }
    Ok(())
}

/// Reads all frames from `sequence` on.
pub(crate) fn recover(disk: &dyn Disk, sequence: u64) -> Result<Recovered, LogError> {
    let unreadable = |name: &str| {
        let (place, name) = (disk.place(), name.to_owned());
        move |source| LogError::Read {
            place,
            name,
            source,
        }
    };
    let names = disk.list().map_err(unreadable(""))?;
    let mut recovered = Recovered {
        records: Vec::new(),
        sequence,
    };
    let mut last: Option<(&String, usize)> = None;
    for name in names
        .iter()
        .filter(|name| first_sequence(name).is_some_and(|s| s >= sequence))
    {
        // A file begins only when all frames before it are on disk, even if it holds none yet.
        let begins = first_sequence(name).expect("was filtered by it");
        if begins > recovered.sequence {
            let (name, offset) = last.unwrap_or((name, 0));
            let (place, name) = (disk.place(), name.clone());
            return Err(LogError::Damaged {
                place,
                name,
                offset,
            });
        }
        let bytes = Bytes::from(disk.read(name).map_err(unreadable(name))?);
        let end = read_frames(&bytes, &mut recovered);
        if later_frame(&bytes, end, recovered.sequence) {
            let (place, name) = (disk.place(), name.clone());
            return Err(LogError::Damaged {
                place,
                name,
                offset: end,
            });
        }
        last = Some((name, end));
    }
    Ok(recovered)
}

pub(crate) fn encode_frame(sequence: u64, records: &[Record]) -> Vec<u8> {
    let mut frame = vec![0; HEADER];
    for record in records {
        record.encode(&mut frame);
    }
    let length = u32::try_from(frame.len() - HEADER).expect("batches are limited to megabytes");
    frame[0..4].copy_from_slice(&MAGIC.to_le_bytes());
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    frame[16..24].copy_from_slice(&sequence.to_le_bytes());
    let checksum = crc32c::crc32c(&frame[16..]);
    frame[8..12].copy_from_slice(&checksum.to_le_bytes());
    frame.resize(frame.len().next_multiple_of(ALIGNMENT), 0);
    frame
}

/// A whole, intact frame at `offset`: its number, and where its records end.
fn frame_at(bytes: &[u8], offset: usize) -> Option<(u64, usize)> {
    let header = bytes.get(offset..offset + HEADER)?;
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
    if word(0) != MAGIC {
        return None;
    }
    let end = offset + HEADER + usize::try_from(word(4)).ok()?;
    let covered = bytes.get(offset + 16..end)?;
    if crc32c::crc32c(covered) != word(8) {
        return None;
    }
    Some((
        u64::from_le_bytes(header[16..24].try_into().expect("eight bytes")),
        end,
    ))
}

/// Reads frames as long as they are intact and in order; answers where that ends.
pub(crate) fn read_frames(bytes: &Bytes, recovered: &mut Recovered) -> usize {
    let mut offset = 0;
    while let Some((sequence, end)) = frame_at(bytes, offset) {
        if sequence != recovered.sequence {
            break;
        }
        let mut rest = bytes.slice(offset + HEADER..end);
        while let Some(record) = Record::decode(&mut rest) {
            recovered.records.push(record);
        }
        recovered.sequence += 1;
        offset = end.next_multiple_of(ALIGNMENT);
    }
    offset
}

/// Whether an intact frame behind `offset` proves that the one expected there had been on disk.
fn later_frame(bytes: &[u8], offset: usize, expected: u64) -> bool {
    (offset..bytes.len())
        .step_by(ALIGNMENT)
        .any(|at| frame_at(bytes, at).is_some_and(|(sequence, _)| sequence > expected))
}

#[cfg(test)]
mod tests;
