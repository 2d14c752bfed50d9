//! Transactions: compare, then one of two lists of operations, all at one revision.
//!
//! Evaluation is pure: it reads the index and answers what would change. Everything that writes is
//! a transaction; a put is one without compares. Limits and texts are etcd's.

use std::collections::BTreeMap;

use bytes::Bytes;
use styr_store::{KeyValue, Revision, StoreError};

use crate::index::Index;
use crate::lease::Leases;
use crate::record::Change;

/// Operations in one list of a transaction, as etcd's `--max-txn-ops`.
pub(crate) const OPS_MAX: usize = 128;
/// Bytes of one request, as etcd's `--max-request-bytes`.
pub(crate) const REQUEST_MAX: usize = 1_572_864;

/// A transaction.
#[derive(Debug, Clone, Default)]
pub struct Txn {
    /// All must hold.
    pub compares: Vec<Compare>,
    /// Done if they do.
    pub success: Vec<Op>,
    /// Done if they do not.
    pub failure: Vec<Op>,
}

/// A condition on a key, or on every key of a range.
#[derive(Debug, Clone)]
pub struct Compare {
    /// The key, or the first of a range.
    pub key: Bytes,
    /// The end of the range; empty for one key.
    pub end: Bytes,
    /// How.
    pub result: CompareResult,
    /// With what.
    pub target: CompareTarget,
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareResult {
    /// The key's is the same.
    Equal,
    /// The key's is greater.
    Greater,
    /// The key's is less.
    Less,
    /// The key's is another.
    NotEqual,
}

/// What is compared; a key that does not exist has zeros.
#[derive(Debug, Clone)]
pub enum CompareTarget {
    /// Its version.
    Version(i64),
    /// The revision of its creation.
    Create(Revision),
    /// The revision of its last change.
    Mod(Revision),
    /// Its value.
    Value(Bytes),
    /// Its lease.
    Lease(i64),
}

/// One operation.
#[derive(Debug, Clone)]
pub enum Op {
    /// Writes a key.
    Put {
        /// The key.
        key: Bytes,
        /// Its value; `None` keeps the one it has.
        value: Option<Bytes>,
        /// Its lease; `None` keeps the one it has.
        lease: Option<i64>,
        /// Whether the old value is wanted.
        previous: bool,
    },
    /// Deletes a key or a range.
    Delete {
        /// The key, or the first of a range.
        key: Bytes,
        /// The end of the range; empty for one key.
        end: Bytes,
        /// Whether the old values are wanted.
        previous: bool,
    },
    /// Reads.
    Range(RangeOp),
    /// A transaction in the transaction.
    Txn(Box<Txn>),
}

/// A read with all of etcd's options.
#[derive(Debug, Clone, Default)]
pub struct RangeOp {
    /// The key, or the first of a range.
    pub key: Bytes,
    /// The end of the range; empty for one key, one zero byte for no end.
    pub end: Bytes,
    /// As of this revision; 0 is now.
    pub at: Revision,
    /// At most so many; 0 is all.
    pub limit: usize,
    /// By what to sort.
    pub target: SortTarget,
    /// In which direction.
    pub order: SortOrder,
    /// Leaves values out.
    pub keys_only: bool,
    /// Leaves everything out.
    pub count_only: bool,
    /// Bounds on revisions: least and greatest change, least and greatest creation; 0 is none.
    pub revisions: [Revision; 4],
}

/// By what a range is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named as the fields are")]
pub enum SortTarget {
    #[default]
    Key,
    Version,
    Create,
    Mod,
    Value,
}

/// In which direction a range is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the words say it")]
pub enum SortOrder {
    #[default]
    None,
    Ascend,
    Descend,
}

/// What a transaction did.
#[derive(Debug, Clone, Default)]
pub struct TxnResult {
    /// Whether the compares held.
    pub succeeded: bool,
    /// One for each operation.
    pub results: Vec<OpResult>,
    /// The revision after it.
    pub revision: Revision,
}

/// What an operation did.
#[derive(Debug, Clone)]
pub enum OpResult {
    /// Wrote.
    Put(Option<KeyValue>),
    /// Deleted.
    Delete {
        /// How many.
        count: usize,
        /// Their old values, if wanted.
        previous: Vec<KeyValue>,
    },
    /// Read.
    Range(RangeResult),
    /// A transaction in the transaction.
    Txn(TxnResult),
}

/// What a range read.
#[derive(Debug, Clone, Default)]
pub struct RangeResult {
    /// Keys and values.
    pub entries: Vec<KeyValue>,
    /// Whether the limit left some out.
    pub more: bool,
    /// How many there are without the limit.
    pub count: usize,
}

impl Txn {
    /// One operation without conditions.
    pub fn of(op: Op) -> Self {
        Self {
            success: vec![op],
            ..Self::default()
        }
    }
}

/// A transaction that is being evaluated.
pub(crate) struct Evaluation<'a> {
    index: &'a Index,
    leases: &'a Leases,
    /// The revision that it will have if it changes something.
    revision: Revision,
    pending: BTreeMap<Bytes, Option<KeyValue>>,
    order: Vec<Bytes>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(index: &'a Index, leases: &'a Leases) -> Self {
        let revision = index.revision() + 1;
        Self {
            index,
            leases,
            revision,
            pending: BTreeMap::new(),
            order: Vec::new(),
        }
    }

    /// Evaluates, and answers what changes.
    pub(crate) fn run(mut self, txn: &Txn) -> Result<(TxnResult, Vec<Change>), StoreError> {
        let mut result = self.txn(txn)?;
        let changed = !self.order.is_empty();
        result.revision = if changed {
            self.revision
        } else {
            self.revision - 1
        };
        let changes = self
            .order
            .into_iter()
            .map(|key| {
                match self
                    .pending
                    .remove(&key)
                    .expect("every key of the order is pending")
                {
                    Some(key_value) => Change::Put(key_value),
                    None => Change::Delete(key),
                }
            })
            .collect();
        Ok((result, changes))
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnResult, StoreError> {
        let succeeded = txn.compares.iter().all(|compare| self.holds(compare));
        let ops = if succeeded {
            &txn.success
        } else {
            &txn.failure
        };
        let results = ops.iter().map(|op| self.op(op)).collect::<Result<_, _>>()?;
        Ok(TxnResult {
            succeeded,
            results,
            revision: self.revision,
        })
    }

    fn op(&mut self, op: &Op) -> Result<OpResult, StoreError> {
        match op {
            Op::Put {
                key,
                value,
                lease,
                previous,
            } => {
                let old = self.put(key, value.as_ref(), *lease)?;
                Ok(OpResult::Put(old.filter(|_| *previous)))
            }
            Op::Delete { key, end, previous } => {
                let deleted = self.read(key, end);
                for key_value in &deleted {
                    self.change(key_value.key.clone(), None);
                }
                let count = deleted.len();
                let previous = if *previous { deleted } else { Vec::new() };
                Ok(OpResult::Delete { count, previous })
            }
            Op::Range(range) => {
                if range.at > 0 && range.at < self.revision {
                    return read_at(self.index, range, self.revision - 1).map(OpResult::Range);
                }
                Ok(OpResult::Range(select(
                    self.read(&range.key, &range.end),
                    range,
                )))
            }
            Op::Txn(txn) => self.txn(txn).map(OpResult::Txn),
        }
    }

    fn put(
        &mut self,
        key: &Bytes,
        value: Option<&Bytes>,
        lease: Option<i64>,
    ) -> Result<Option<KeyValue>, StoreError> {
        let old = self.get(key);
        if old.is_none() && (value.is_none() || lease.is_none()) {
            return Err(StoreError::Invalid("etcdserver: key not found".to_owned()));
        }
        let kept = |what: fn(&KeyValue) -> i64| old.as_ref().map_or(0, what);
        let lease = lease.unwrap_or_else(|| kept(|old| old.lease));
        if lease != 0 && !self.leases.contains(lease) {
            return Err(StoreError::LeaseNotFound);
        }
        let key_value = KeyValue {
            key: key.clone(),
            value: value
                .cloned()
                .or_else(|| old.as_ref().map(|old| old.value.clone()))
                .unwrap_or_default(),
            create_revision: old
                .as_ref()
                .map_or(self.revision, |old| old.create_revision),
            mod_revision: self.revision,
            version: kept(|old| old.version) + 1,
            lease,
        };
        self.change(key.clone(), Some(key_value));
        Ok(old)
    }

    fn change(&mut self, key: Bytes, to: Option<KeyValue>) {
        if self.pending.insert(key.clone(), to).is_none() {
            self.order.push(key);
        }
    }

    fn get(&self, key: &Bytes) -> Option<KeyValue> {
        match self.pending.get(key) {
            Some(pending) => pending.clone(),
            None => self.index.get(key, self.revision).cloned(),
        }
    }

    /// One key or a range, with what this transaction has changed so far.
    fn read(&self, key: &Bytes, end: &Bytes) -> Vec<KeyValue> {
        if end.is_empty() {
            return self.get(key).into_iter().collect();
        }
        let stored = self.index.range(key, end, self.revision);
        let mut found: BTreeMap<Bytes, KeyValue> = stored
            .filter(|key_value| !self.pending.contains_key(&key_value.key))
            .map(|key_value| (key_value.key.clone(), key_value.clone()))
            .collect();
        let inside = |pending: &Bytes| pending >= key && (end == &[0][..] || pending < end);
        for (pending, key_value) in self.pending.iter().filter(|(pending, _)| inside(pending)) {
            if let Some(key_value) = key_value {
                found.insert(pending.clone(), key_value.clone());
            }
        }
        found.into_values().collect()
    }

    fn holds(&self, compare: &Compare) -> bool {
        if compare.end.is_empty() {
            let found = self.get(&compare.key);
            // A value cannot be compared with that of a key that does not exist.
            if found.is_none() && matches!(compare.target, CompareTarget::Value(_)) {
                return false;
            }
            return compare_one(compare, &found.unwrap_or_default());
        }
        self.read(&compare.key, &compare.end)
            .iter()
            .all(|found| compare_one(compare, found))
    }
}

fn compare_one(compare: &Compare, found: &KeyValue) -> bool {
    let ordering = match &compare.target {
        CompareTarget::Version(version) => found.version.cmp(version),
        CompareTarget::Create(revision) => found.create_revision.cmp(revision),
        CompareTarget::Mod(revision) => found.mod_revision.cmp(revision),
        CompareTarget::Value(value) => found.value.cmp(value),
        CompareTarget::Lease(lease) => found.lease.cmp(lease),
    };
    match compare.result {
        CompareResult::Equal => ordering.is_eq(),
        CompareResult::Greater => ordering.is_gt(),
        CompareResult::Less => ordering.is_lt(),
        CompareResult::NotEqual => ordering.is_ne(),
    }
}

/// Reads a range as of its revision, or as of `now`.
pub(crate) fn read_at(
    index: &Index,
    range: &RangeOp,
    now: Revision,
) -> Result<RangeResult, StoreError> {
    let at = if range.at > 0 { range.at } else { now };
    if at > now {
        return Err(StoreError::Future { current: now });
    }
    if at < index.compacted() && range.at > 0 {
        return Err(StoreError::Compacted {
            oldest: index.compacted(),
        });
    }
    if range.end.is_empty() {
        let found = index.get(&range.key, at).cloned().into_iter().collect();
        return Ok(select(found, range));
    }
    let is_plain = range.revisions == [0; 4] && range.order == SortOrder::None;
    if range.count_only && is_plain {
        let count = index.range(&range.key, &range.end, at).count();
        return Ok(RangeResult {
            count,
            ..RangeResult::default()
        });
    }
    if is_plain && range.limit > 0 {
        let mut found = index.range(&range.key, &range.end, at);
        let entries: Vec<KeyValue> = found
            .by_ref()
            .take(range.limit)
            .map(|entry| trimmed(entry.clone(), range))
            .collect();
        let rest = found.count();
        return Ok(RangeResult {
            count: entries.len() + rest,
            more: rest > 0,
            entries,
        });
    }
    Ok(select(
        index.range(&range.key, &range.end, at).cloned().collect(),
        range,
    ))
}

fn trimmed(mut entry: KeyValue, range: &RangeOp) -> KeyValue {
    if range.keys_only {
        entry.value = Bytes::new();
    }
    entry
}

/// Filters, sorts and limits what was found.
fn select(mut found: Vec<KeyValue>, range: &RangeOp) -> RangeResult {
    let count = found.len();
    let [mod_min, mod_max, create_min, create_max] = range.revisions;
    found.retain(|entry| {
        (mod_min == 0 || entry.mod_revision >= mod_min)
            && (mod_max == 0 || entry.mod_revision <= mod_max)
            && (create_min == 0 || entry.create_revision >= create_min)
            && (create_max == 0 || entry.create_revision <= create_max)
    });
    // etcd: a target without a direction means ascending.
    if range.order != SortOrder::None || range.target != SortTarget::Key {
        let order = |a: &KeyValue, b: &KeyValue| match range.target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        };
        // Stable in both directions: equal ones stay in the order of their keys.
        if range.order == SortOrder::Descend {
            found.sort_by(|a, b| order(b, a));
        } else {
            found.sort_by(order);
        }
    }
    let more = range.limit > 0 && found.len() > range.limit;
    if more {
        found.truncate(range.limit);
    }
    if range.count_only {
        return RangeResult {
            count,
            ..RangeResult::default()
        };
    }
    let entries = found
        .into_iter()
        .map(|entry| trimmed(entry, range))
        .collect();
    RangeResult {
        entries,
        more,
        count,
    }
}

#[cfg(test)]
mod tests;
