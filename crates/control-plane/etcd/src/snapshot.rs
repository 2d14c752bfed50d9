//! Snapshots: everything up to one revision, in a file of the log's own frames.
//!
//! A snapshot is written beside the commit path and takes the place of the log files before it. It
//! is whole if its last record is [`Record::End`]; it gets its name only then.

use std::io;
use std::sync::Arc;

use crate::disk::Disk;
use crate::index::Index;
use crate::lease::Leases;
use crate::log::{self, LogError};
use crate::record::{Change, Record};

const PREFIX: &str = "snapshot-";
const DRAFT: &str = "draft";
/// Records of one frame; bounds what is encoded at once.
const RECORDS_PER_FRAME: usize = 256;

/// A snapshot that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) records: Vec<Record>,
    /// The first frame of the log that is not in it.
    pub(crate) sequence: u64,
}

/// What has to be written; sharing the bytes of keys and values with the index.
pub(crate) fn records(index: &Index, leases: &Leases) -> Vec<Record> {
    let grants = leases
        .all()
        .map(|(lease, ttl)| Record::Grant { lease, ttl });
    let base = index.base().cloned().map(Record::Base);
    let changes = index.changes(index.compacted() + 1, index.revision());
    let changes = changes.map(|(revision, events)| Record::Changes {
        revision,
        changes: events
            .iter()
            .map(|event| match event.kind {
                styr_store::EventKind::Put => Change::Put(event.current.clone()),
                styr_store::EventKind::Delete => Change::Delete(event.current.key.clone()),
            })
            .collect(),
    });
    let compacted = Record::Compact {
        at: index.compacted(),
    };
    let end = Record::End {
        revision: index.revision(),
        compacted: index.compacted(),
    };
    let head = std::iter::once(compacted).chain(grants).chain(base);
    head.chain(changes).chain(std::iter::once(end)).collect()
}

/// Writes a snapshot of everything before frame `sequence`, then removes what it replaces.
pub(crate) fn write(disk: &Arc<dyn Disk>, records: &[Record], sequence: u64) -> io::Result<()> {
    // What a snapshot that failed left there may be longer than this one.
    if disk.list()?.iter().any(|name| name == DRAFT) {
        disk.remove(DRAFT)?;
    }
    let mut file = disk.open(DRAFT)?;
    let mut offset = 0;
    for (number, chunk) in (0..).zip(records.chunks(RECORDS_PER_FRAME)) {
        let frame = log::encode_frame(number, chunk);
        file.write_at(offset, &frame)?;
        offset += u64::try_from(frame.len()).expect("a frame fits into memory");
    }
    file.sync_data()?;
    disk.rename(DRAFT, &format!("{PREFIX}{sequence:016x}"))?;
    log::remove_before(disk.as_ref(), sequence)?;
    for name in disk.list()? {
        if number(&name).is_some_and(|old| old < sequence) {
            disk.remove(&name)?;
        }
    }
    Ok(())
}

fn number(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_prefix(PREFIX)?, 16).ok()
}

/// Reads the newest snapshot; `None` if there is none.
pub(crate) fn read(disk: &dyn Disk) -> Result<Option<Found>, LogError> {
    let unreadable = |name: &str| {
        let (place, name) = (disk.place(), name.to_owned());
        move |source| LogError::Read {
            place,
            name,
            source,
        }
    };
    let names = disk.list().map_err(unreadable(""))?;
    // A draft was never finished, so nothing depends on it.
    if names.iter().any(|name| name == DRAFT) {
        disk.remove(DRAFT).map_err(unreadable(DRAFT))?;
    }
    let Some((name, sequence)) = names
        .iter()
        .rev()
        .find_map(|name| number(name).map(|sequence| (name, sequence)))
    else {
        return Ok(None);
    };
    let bytes = disk.read(name).map_err(unreadable(name))?.into();
    let mut recovered = log::Recovered::default();
    let end = log::read_frames(&bytes, &mut recovered);
    if !matches!(recovered.records.last(), Some(Record::End { .. })) {
        let (place, name) = (disk.place(), name.clone());
        return Err(LogError::Damaged {
            place,
            name,
            offset: end,
        });
    }
    Ok(Some(Found {
        records: recovered.records,
        sequence,
    }))
}
