//! The one thread that writes: it evaluates, logs, makes durable, and only then answers.
//!
//! It takes whatever is waiting as one batch: one frame, one `fdatasync`. After a failed write the
//! disk's state is unknown, so the thread answers that to everybody from then on and writes no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread;

use styr_store::{Revision, StoreError};
use tokio::sync::mpsc;

use crate::engine::Shared;
use crate::log::Log;
use crate::record::{Change, Record};
use crate::snapshot;
use crate::txn::{Evaluation, Txn, TxnResult};

/// Requests that may wait; further callers wait for a place.
pub(crate) const QUEUE_MAX: usize = 4_096;
/// Requests of one batch.
const BATCH_MAX: usize = 1_024;
/// Bytes of log after which a snapshot takes its place.
const SNAPSHOT_AFTER: u64 = if cfg!(test) { 64 << 10 } else { 64 << 20 };

/// A write, and where its answer goes.
pub(crate) enum Request {
    Txn(Txn, Answer<TxnResult>),
    Grant {
        lease: i64,
        ttl: i64,
        answer: Answer<i64>,
    },
    Revoke {
        lease: i64,
        answer: Answer<Revision>,
    },
    Compact {
        at: Revision,
        answer: Answer<()>,
    },
}

/// Takes the answer, and says whom to wake once all answers of a batch are given: whoever waits for
/// several of them then finds all at once.
pub(crate) type Answer<T> = Box<dyn FnOnce(Result<T, StoreError>) -> Option<Waker> + Send>;

/// An answer that waits for the disk.
enum Done {
    Txn(Answer<TxnResult>, TxnResult),
    Grant(Answer<i64>, i64),
    Revoke(Answer<Revision>, Revision),
    Compact(Answer<()>),
}

/// Runs the thread until all senders are gone.
pub(crate) fn start(
    shared: Arc<Shared>,
    log: Log,
    requests: mpsc::Receiver<Request>,
) -> std::io::Result<thread::JoinHandle<()>> {
    let mut writer = Writer {
        shared,
        log,
        snapshotting: Arc::default(),
    };
    thread::Builder::new()
        .name("etcd-log".to_owned())
        .spawn(move || writer.run(requests))
}

struct Writer {
    shared: Arc<Shared>,
    log: Log,
    /// A snapshot is being written; a second one would write into the same draft.
    snapshotting: Arc<AtomicBool>,
}

impl Writer {
    fn run(&mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(next) = requests.try_recv()
            {
                batch.push(next);
            }
            self.batch(batch);
        }
    }

    fn batch(&mut self, batch: Vec<Request>) {
        let mut records = Vec::new();
        let mut done = Vec::new();
        for request in batch {
            match self.shared.fault.get() {
                Some(fault) => wake(vec![refuse(request, fault)]),
                None => self.request(request, &mut records, &mut done),
            }
        }
        if !records.is_empty()
            && let Err(error) = self.log.append(&records)
        {
            let fault = format!("the log could not be written: {error}");
            tracing::error!(%error, place = self.shared.disk.place(), "log could not be written");
            wake(done.into_iter().map(|done| fail(done, &fault)).collect());
            self.fail(fault);
            return;
        }
        self.shared.publish();
        wake(done.into_iter().map(answer).collect());
        if self.log.size() > SNAPSHOT_AFTER && !self.snapshotting.load(Ordering::Acquire) {
            self.snapshot();
        }
    }

    fn request(&self, request: Request, records: &mut Vec<Record>, done: &mut Vec<Done>) {
        match request {
            Request::Txn(txn, answer) => match self.txn(&txn, records) {
                Ok(result) => done.push(Done::Txn(answer, result)),
                Err(error) => wake(vec![answer(Err(error))]),
            },
            Request::Grant { lease, ttl, answer } => match self.shared.grant(lease, ttl) {
                Ok(()) => {
                    records.push(Record::Grant { lease, ttl });
                    done.push(Done::Grant(answer, lease));
                }
                Err(error) => wake(vec![answer(Err(error))]),
            },
            Request::Revoke { lease, answer } => match self.revoke(lease, records) {
                Ok(revision) => done.push(Done::Revoke(answer, revision)),
                Err(error) => wake(vec![answer(Err(error))]),
            },
            Request::Compact { at, answer } => match self.shared.compact(at) {
                Ok(()) => {
                    records.push(Record::Compact { at });
                    done.push(Done::Compact(answer));
                }
                Err(error) => wake(vec![answer(Err(error))]),
            },
        }
    }

    fn txn(&self, txn: &Txn, records: &mut Vec<Record>) -> Result<TxnResult, StoreError> {
        let (result, changes) = {
            let index = self.shared.index();
            let leases = self.shared.leases();
            Evaluation::new(&index, &leases).run(txn)?
        };
        if !changes.is_empty() {
            self.shared.apply(result.revision, &changes);
            records.push(Record::Changes {
                revision: result.revision,
                changes,
            });
        }
        Ok(result)
    }

    fn revoke(&self, lease: i64, records: &mut Vec<Record>) -> Result<Revision, StoreError> {
        let keys = self.shared.end_lease(lease)?;
        let mut revision = self.shared.index().revision();
        if !keys.is_empty() {
            revision += 1;
            let changes: Vec<Change> = keys.into_iter().map(Change::Delete).collect();
            self.shared.apply(revision, &changes);
            records.push(Record::Changes { revision, changes });
        }
        records.push(Record::Revoke { lease });
        Ok(revision)
    }

    /// Nothing is written any more: what follows a broken frame would be lost.
    fn fail(&self, fault: String) {
        // The first fault is the cause of all that follow.
        let _ = self.shared.fault.set(fault);
    }

    /// Goes on in a new log file while another thread writes down what was before it.
    fn snapshot(&mut self) {
        let sequence = match self.log.rotate() {
            Ok(sequence) => sequence,
            Err(error) => {
                tracing::error!(%error, "log could not be continued in a new file");
                self.fail(format!("the log could not be continued: {error}"));
                return;
            }
        };
        let records = snapshot::records(&self.shared.index(), &self.shared.leases());
        let disk = Arc::clone(&self.shared.disk);
        let running = Running::begin(&self.snapshotting);
        let spawned = thread::Builder::new()
            .name("etcd-snapshot".to_owned())
            .spawn(move || {
                let _running = running;
                // The log files stay until a snapshot has taken their place, so nothing is lost.
                if let Err(error) = snapshot::write(&disk, &records, sequence) {
                    tracing::error!(%error, "snapshot could not be written");
                }
            });
        if let Err(error) = spawned {
            tracing::error!(%error, "snapshot could not be started");
        }
    }
}

/// Says that a snapshot is being written, until it is dropped.
struct Running(Arc<AtomicBool>);

impl Running {
    fn begin(flag: &Arc<AtomicBool>) -> Self {
        flag.store(true, Ordering::Release);
        Self(Arc::clone(flag))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Answers; whoever does not wait any more does not need to know.
fn answer(done: Done) -> Option<Waker> {
    match done {
        Done::Txn(answer, result) => answer(Ok(result)),
        Done::Grant(answer, lease) => answer(Ok(lease)),
        Done::Revoke(answer, revision) => answer(Ok(revision)),
        Done::Compact(answer) => answer(Ok(())),
    }
}

fn fail(done: Done, fault: &str) -> Option<Waker> {
    let error = StoreError::Unavailable(fault.to_owned());
    match done {
        Done::Txn(answer, _) => answer(Err(error)),
        Done::Grant(answer, _) => answer(Err(error)),
        Done::Revoke(answer, _) => answer(Err(error)),
        Done::Compact(answer) => answer(Err(error)),
    }
}

fn refuse(request: Request, fault: &str) -> Option<Waker> {
    let error = StoreError::Unavailable(fault.to_owned());
    match request {
        Request::Txn(_, answer) => answer(Err(error)),
        Request::Grant { answer, .. } => answer(Err(error)),
        Request::Revoke { answer, .. } => answer(Err(error)),
        Request::Compact { answer, .. } => answer(Err(error)),
    }
}

fn wake(wakers: Vec<Option<Waker>>) {
    for waker in wakers.into_iter().flatten() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests;
