//! What stands in the log and in snapshots: resolved changes, never requests.
//!
//! A record says what became true, so replaying it needs no evaluation. Integers are little-endian,
//! byte strings carry a 32-bit length.

use bytes::{Buf, BufMut, Bytes};
use styr_store::{KeyValue, Revision};

/// One durable fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// All changes of one revision.
    Changes {
        /// Their revision.
        revision: Revision,
        /// In the order of the transaction.
        changes: Vec<Change>,
    },
    /// A lease was granted.
    Grant {
        /// Its id.
        lease: i64,
        /// In seconds.
        ttl: i64,
    },
    /// A lease ended; the deletion of its keys is a record of its own, before this one.
    Revoke {
        /// Its id.
        lease: i64,
    },
    /// Older revisions were forgotten.
    Compact {
        /// The oldest revision that can be read.
        at: Revision,
    },
    /// In snapshots only: a key as it was at the last compaction.
    Base(KeyValue),
    /// In snapshots only: ends it, and says what it holds.
    End {
        /// The last revision.
        revision: Revision,
        /// The last compaction.
        compacted: Revision,
    },
}

/// A key that was written or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// Written.
    Put(KeyValue),
    /// Deleted.
    Delete(Bytes),
}

impl Record {
    /// Appends the record's bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Changes { revision, changes } => {
                out.put_u8(1);
                out.put_i64_le(*revision);
                put_length(out, changes.len());
                for change in changes {
                    match change {
                        Change::Put(key_value) => {
                            out.put_u8(1);
                            put_key_value(out, key_value);
                        }
                        Change::Delete(key) => {
                            out.put_u8(2);
                            put_bytes(out, key);
                        }
                    }
                }
            }
            Self::Grant { lease, ttl } => {
                out.put_u8(2);
                out.put_i64_le(*lease);
                out.put_i64_le(*ttl);
            }
            Self::Revoke { lease } => {
                out.put_u8(3);
                out.put_i64_le(*lease);
            }
            Self::Compact { at } => {
                out.put_u8(4);
                out.put_i64_le(*at);
            }
            Self::Base(key_value) => {
                out.put_u8(5);
                put_key_value(out, key_value);
            }
            Self::End {
                revision,
                compacted,
            } => {
                out.put_u8(6);
                out.put_i64_le(*revision);
                out.put_i64_le(*compacted);
            }
        }
    }

    /// Takes one record off `from`; `None` if it is none.
    pub(crate) fn decode(from: &mut Bytes) -> Option<Self> {
        Some(match from.try_get_u8().ok()? {
            1 => {
                let revision = from.try_get_i64_le().ok()?;
                let count = from.try_get_u32_le().ok()?;
                let mut changes = Vec::new();
                for _ in 0..count {
                    changes.push(match from.try_get_u8().ok()? {
                        1 => Change::Put(key_value(from)?),
                        2 => Change::Delete(bytes(from)?),
                        _ => return None,
                    });
                }
                Self::Changes { revision, changes }
            }
            2 => {
                let lease = from.try_get_i64_le().ok()?;
                Self::Grant {
                    lease,
                    ttl: from.try_get_i64_le().ok()?,
                }
            }
            3 => Self::Revoke {
                lease: from.try_get_i64_le().ok()?,
            },
            4 => Self::Compact {
                at: from.try_get_i64_le().ok()?,
            },
            5 => Self::Base(key_value(from)?),
            6 => {
                let revision = from.try_get_i64_le().ok()?;
                Self::End {
                    revision,
                    compacted: from.try_get_i64_le().ok()?,
                }
            }
            _ => return None,
        })
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    out.put_u32_le(u32::try_from(length).expect("requests are limited to megabytes"));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.put_slice(bytes);
}

fn put_key_value(out: &mut Vec<u8>, key_value: &KeyValue) {
    put_bytes(out, &key_value.key);
    put_bytes(out, &key_value.value);
    out.put_i64_le(key_value.create_revision);
    out.put_i64_le(key_value.mod_revision);
    out.put_i64_le(key_value.version);
    out.put_i64_le(key_value.lease);
}

fn bytes(from: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(from.try_get_u32_le().ok()?).ok()?;
    // A copy of its own: a slice would keep the whole file in memory.
    (from.len() >= length).then(|| Bytes::copy_from_slice(&from.split_to(length)))
}

fn key_value(from: &mut Bytes) -> Option<KeyValue> {
    Some(KeyValue {
        key: bytes(from)?,
        value: bytes(from)?,
        create_revision: from.try_get_i64_le().ok()?,
        mod_revision: from.try_get_i64_le().ok()?,
        version: from.try_get_i64_le().ok()?,
        lease: from.try_get_i64_le().ok()?,
    })
}

#[cfg(test)]
mod tests;
