//! The contract of the API server, by transactions.

use async_trait::async_trait;
use bytes::Bytes;
use styr_store::{KeyValue, Range, RangeAnswer, Revision, Status, Store, StoreError, WatchStream};

use super::Engine;
use crate::txn::{Compare, CompareResult, CompareTarget, Op, OpResult, RangeOp, Txn, TxnResult};
use crate::writer::Request;

#[async_trait]
impl Store for Engine {
    async fn get(&self, key: &[u8]) -> Result<(Option<KeyValue>, Revision), StoreError> {
        let range = RangeOp {
            key: Bytes::copy_from_slice(key),
            ..RangeOp::default()
        };
        let (found, revision) = self.read(&range)?;
        Ok((found.entries.into_iter().next(), revision))
    }

    async fn range(&self, range: Range) -> Result<RangeAnswer, StoreError> {
        let Range {
            start,
            end,
            at,
            limit,
        } = range;
        let (found, now) = self.read(&RangeOp {
            key: start,
            end,
            at,
            limit,
            ..RangeOp::default()
        })?;
        Ok(RangeAnswer {
            revision: if at > 0 { at } else { now },
            remaining: found.count - found.entries.len(),
            more: found.more,
            entries: found.entries,
        })
    }

    async fn create(&self, key: Bytes, value: Bytes, lease: i64) -> Result<Revision, StoreError> {
        let txn = if_unchanged(&key, 0, put(&key, value, lease));
        let result = self.txn(txn).await?;
        if result.succeeded {
            Ok(result.revision)
        } else {
            Err(StoreError::Exists)
        }
    }

    async fn update(
        &self,
        key: Bytes,
        value: Bytes,
        expected: Revision,
        lease: i64,
    ) -> Result<Revision, StoreError> {
        let txn = if_unchanged(&key, expected, put(&key, value, lease));
        changed(self.txn(txn).await?)
    }

    async fn delete(&self, key: Bytes, expected: Revision) -> Result<Revision, StoreError> {
        let op = Op::Delete {
            key: key.clone(),
            end: Bytes::new(),
            previous: false,
        };
        changed(self.txn(if_unchanged(&key, expected, op)).await?)
    }

    async fn create_batch(&self, entries: Vec<(Bytes, Bytes)>) -> Result<Revision, StoreError> {
        let absent = |key: &Bytes| Compare {
            key: key.clone(),
            end: Bytes::new(),
            result: CompareResult::Equal,
            target: CompareTarget::Mod(0),
        };
        let compares = entries.iter().map(|(key, _)| absent(key)).collect();
        let success = entries
            .into_iter()
            .map(|(key, value)| put(&key, value, 0))
            .collect();
        let txn = Txn {
            compares,
            success,
            failure: Vec::new(),
        };
        // In process there is no message to bound; the caller's list is in memory already.
        let result = self.ask(|answer| Request::Txn(txn, answer)).await?;
        if result.succeeded {
            Ok(result.revision)
        } else {
            Err(StoreError::Exists)
        }
    }

    async fn watch(
        &self,
        start: Bytes,
        end: Bytes,
        from: Revision,
    ) -> Result<WatchStream, StoreError> {
        Ok(self.changes(start, end, from))
    }

    async fn grant_lease(&self, ttl_seconds: i64) -> Result<i64, StoreError> {
        self.grant(0, ttl_seconds).await.map(|(lease, _)| lease)
    }

    async fn compact(&self, at: Revision) -> Result<(), StoreError> {
        self.forget_before(at).await
    }

    async fn current_revision(&self) -> Result<Revision, StoreError> {
        Ok(self.revision())
    }

    async fn status(&self) -> Result<Status, StoreError> {
        self.state()
    }
}

fn put(key: &Bytes, value: Bytes, lease: i64) -> Op {
    Op::Put {
        key: key.clone(),
        value: Some(value),
        lease: Some(lease),
        previous: false,
    }
}

/// `op` if the key is at `expected`, else a look at the key.
fn if_unchanged(key: &Bytes, expected: Revision, op: Op) -> Txn {
    let compare = Compare {
        key: key.clone(),
        end: Bytes::new(),
        result: CompareResult::Equal,
        target: CompareTarget::Mod(expected),
    };
    let look = Op::Range(RangeOp {
        key: key.clone(),
        ..RangeOp::default()
    });
    Txn {
        compares: vec![compare],
        success: vec![op],
        failure: vec![look],
    }
}

fn changed(result: TxnResult) -> Result<Revision, StoreError> {
    if result.succeeded {
        return Ok(result.revision);
    }
    let current = result
        .results
        .into_iter()
        .next()
        .and_then(|result| match result {
            OpResult::Range(found) => found.entries.into_iter().next(),
            _ => None,
        });
    Err(StoreError::Conflict { current })
}
