//! The engine: opens a folder, recovers what is in it, reads by itself and writes by its thread.

mod store;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard};

use bytes::Bytes;
use rand::Rng as _;
use styr_base::{SharedClock, Tasks};
use styr_store::{Revision, Status, StoreError, WatchStream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::disk::{Disk, RealDisk};
use crate::index::Index;
use crate::lease::Leases;
use crate::log::{self, Log, LogError};
use crate::record::{Change, Record};
use crate::txn::{self, OPS_MAX, Op, REQUEST_MAX, RangeOp, RangeResult, Txn, TxnResult};
use crate::writer::{self, Request};
use crate::{snapshot, watch as watching};

/// The version that clients are told; upstream asks it for features.
pub(crate) const VERSION: &str = "3.7.0";
/// The shortest lease, in seconds; shorter ones are lengthened, as etcd does.
const LEASE_MIN: i64 = 2;
/// The longest lease, in seconds, as etcd has it.
const LEASE_MAX: i64 = 9_000_000_000;

/// How an engine is opened.
#[derive(Debug)]
pub struct Options {
    /// For leases.
    pub clock: SharedClock,
}

/// Why an engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error("could not open the data folder")]
    Folder(#[source] io::Error),
    /// What is in it cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log cannot be continued.
    #[error("could not start the log")]
    Start(#[source] io::Error),
}

/// What the engine, its writer and its watchers share.
#[derive(Debug)]
pub(crate) struct Shared {
    index: RwLock<Index>,
    leases: Mutex<Leases>,
    lease_changed: Notify,
    /// The last revision that is on disk; readers see nothing later.
    pub(crate) durable: watch::Sender<Revision>,
    /// Why nothing is written any more.
    pub(crate) fault: OnceLock<String>,
    pub(crate) disk: Arc<dyn Disk>,
    clock: SharedClock,
}

/// A store on one disk. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
    _tasks: Arc<Tasks>,
}

impl Engine {
    /// Opens a folder of the machine; must be called within a tokio runtime.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        let disk = RealDisk::open(folder).map_err(OpenError::Folder)?;
        Self::open_disk(Arc::new(disk), options)
    }

    /// Opens any disk; must be called within a tokio runtime.
    pub fn open_disk(disk: Arc<dyn Disk>, options: Options) -> Result<Self, OpenError> {
        let mut index = Index::default();
        let mut leases = Leases::default();
        let found = snapshot::read(disk.as_ref())?;
        let sequence = found.as_ref().map_or(0, |found| found.sequence);
        let recovered = log::recover(disk.as_ref(), sequence)?;
        let snapshot = found.map(|found| found.records).unwrap_or_default();
        for record in snapshot.into_iter().chain(recovered.records) {
            replay(&mut index, &mut leases, record);
        }
        leases.restart(options.clock.monotonic());
        // A new file each time: what a torn frame left behind is never written over.
        let log = Log::start(Arc::clone(&disk), recovered.sequence).map_err(OpenError::Start)?;
        let durable = watch::Sender::new(index.revision());
        let shared = Arc::new(Shared {
            index: RwLock::new(index),
            leases: Mutex::new(leases),
            lease_changed: Notify::new(),
            durable,
            fault: OnceLock::new(),
            disk,
            clock: options.clock,
        });
        let (requests, receiver) = mpsc::channel(writer::QUEUE_MAX);
        writer::start(Arc::clone(&shared), log, receiver).map_err(OpenError::Start)?;
        let tasks = Tasks::new();
        tasks.spawn_infallible(end_leases(Arc::clone(&shared), requests.downgrade()));
        Ok(Self {
            shared,
            requests,
            _tasks: Arc::new(tasks),
        })
    }

    /// Why nothing is written any more, if that is so.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.shared.fault.get().map(String::as_str)
    }

    #[cfg(test)]
    pub(crate) fn break_log(&self, fault: &str) {
        self.shared
            .fault
            .set(fault.to_owned())
            .expect("it was whole");
    }

    /// Does a transaction; the answer comes when it is on disk.
    pub async fn txn(&self, txn: Txn) -> Result<TxnResult, StoreError> {
        check(&txn)?;
        self.ask(|answer| Request::Txn(txn, answer)).await
    }

    /// Does a transaction without waiting; the answer is called when it is on disk, or dropped if
    /// the store stops. If the queue is full, the future waits for a place in it.
    pub(crate) fn submit(
        &self,
        txn: Txn,
        answer: writer::Answer<TxnResult>,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        if let Err(error) = check(&txn) {
            if let Some(waker) = answer(Err(error)) {
                waker.wake();
            }
            return None;
        }
        match self.requests.try_send(Request::Txn(txn, answer)) {
            Ok(()) | Err(TrySendError::Closed(_)) => None,
            Err(TrySendError::Full(request)) => {
                let requests = self.requests.clone();
                Some(async move { drop(requests.send(request).await) })
            }
        }
    }

    /// Reads; the answer's revision is the second value.
    pub fn read(&self, range: &RangeOp) -> Result<(RangeResult, Revision), StoreError> {
        let index = self.shared.index();
        let durable = *self.shared.durable.borrow();
        Ok((txn::read_at(&index, range, durable)?, durable))
    }

    /// Grants a lease; id 0 lets the store choose.
    pub async fn grant(&self, id: i64, ttl: i64) -> Result<(i64, i64), StoreError> {
        if ttl > LEASE_MAX {
            return Err(StoreError::Invalid(
                "etcdserver: too large lease TTL".to_owned(),
            ));
        }
        let ttl = ttl.max(LEASE_MIN);
        let lease = if id == 0 {
            rand::rng().random_range(1..i64::MAX)
        } else {
            id
        };
        let lease = self
            .ask(|answer| Request::Grant { lease, ttl, answer })
            .await?;
        self.shared.lease_changed.notify_one();
        Ok((lease, ttl))
    }

    /// Ends a lease and deletes its keys.
    pub async fn revoke(&self, lease: i64) -> Result<Revision, StoreError> {
        self.ask(|answer| Request::Revoke { lease, answer }).await
    }

    /// Gives a lease its full time again; answers that time, or nothing if there is no such lease.
    pub fn keep_alive(&self, lease: i64) -> Option<i64> {
        let ttl = self
            .shared
            .leases()
            .keep_alive(lease, self.shared.clock.monotonic());
        self.shared.lease_changed.notify_one();
        ttl
    }

    /// Granted time, remaining time and keys of a lease.
    pub fn lease(&self, lease: i64) -> Option<(i64, i64, Vec<Bytes>)> {
        self.shared
            .leases()
            .look(lease, self.shared.clock.monotonic())
    }

    /// Ids of all leases.
    pub fn lease_ids(&self) -> Vec<i64> {
        self.shared.leases().ids()
    }

    /// Forgets what was overwritten or deleted before `at`.
    pub async fn forget_before(&self, at: Revision) -> Result<(), StoreError> {
        self.ask(|answer| Request::Compact { at, answer }).await
    }

    /// Changes of `[start, end)`, or of one key if `end` is empty, from revision `from` on.
    pub fn changes(&self, start: Bytes, end: Bytes, from: Revision) -> WatchStream {
        watching::watch(Arc::clone(&self.shared), (start, end), from)
    }

    /// The last revision that is on disk.
    pub fn revision(&self) -> Revision {
        *self.shared.durable.borrow()
    }

    /// How the store is.
    pub fn state(&self) -> Result<Status, StoreError> {
        let unavailable = |error: io::Error| StoreError::Unavailable(error.to_string());
        let mut size = 0;
        for name in self.shared.disk.list().map_err(unavailable)? {
            size += self.shared.disk.size(&name).map_err(unavailable)?;
        }
        Ok(Status {
            version: VERSION.to_owned(),
            size,
            revision: self.revision(),
        })
    }

    async fn ask<T: Send + 'static>(
        &self,
        request: impl FnOnce(writer::Answer<T>) -> Request,
    ) -> Result<T, StoreError> {
        let stopped = || StoreError::Unavailable("the store has stopped".to_owned());
        let (sender, receiver) = oneshot::channel();
        // Whoever does not wait any more does not need to know.
        let answer = |result| {
            let _ = sender.send(result);
            None
        };
        self.requests
            .send(request(Box::new(answer)))
            .await
            .map_err(|_| stopped())?;
        receiver.await.map_err(|_| stopped())?
    }
}

impl Shared {
    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().expect("no holder of this lock panics")
    }

    pub(crate) fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().expect("no holder of this lock panics")
    }

    /// Puts changes into the index, where nobody sees them before [`Shared::publish`].
    pub(crate) fn apply(&self, revision: Revision, changes: &[Change]) {
        let events = {
            let mut index = self.index.write().expect("no holder of this lock panics");
            index.apply(revision, changes)
        };
        let mut leases = self.leases();
        for event in events.iter() {
            leases.follow(event);
        }
    }

    /// Everything in the index is on disk now.
    pub(crate) fn publish(&self) {
        let revision = self.index().revision();
        self.durable
            .send_if_modified(|durable| std::mem::replace(durable, revision) != revision);
    }

    pub(crate) fn grant(&self, lease: i64, ttl: i64) -> Result<(), StoreError> {
        let mut leases = self.leases();
        if leases.contains(lease) {
            return Err(StoreError::LeaseExists);
        }
        leases.grant(lease, ttl, self.clock.monotonic());
        Ok(())
    }

    pub(crate) fn end_lease(&self, lease: i64) -> Result<Vec<Bytes>, StoreError> {
        let keys = self
            .leases()
            .revoke(lease)
            .ok_or(StoreError::LeaseNotFound)?;
        Ok(keys.into_iter().collect())
    }

    pub(crate) fn compact(&self, at: Revision) -> Result<(), StoreError> {
        let mut index = self.index.write().expect("no holder of this lock panics");
        let durable = *self.durable.borrow();
        if at <= index.compacted() && index.compacted() > 1 {
            return Err(StoreError::Compacted {
                oldest: index.compacted(),
            });
        }
        if at > durable {
            return Err(StoreError::Future { current: durable });
        }
        index.compact(at);
        Ok(())
    }
}

fn replay(index: &mut Index, leases: &mut Leases, record: Record) {
    match record {
        Record::Changes { revision, changes } => {
            for event in index.apply(revision, &changes).iter() {
                leases.follow(event);
            }
        }
        Record::Grant { lease, ttl } => leases.grant(lease, ttl, std::time::Duration::ZERO),
        Record::Revoke { lease } => drop(leases.revoke(lease)),
        Record::Compact { at } if at > index.revision() => index.restore_revision(at),
        Record::Compact { at } => index.compact(at),
        Record::Base(key_value) => {
            leases.attach(&key_value);
            index.restore_base(key_value);
        }
        Record::End { .. } => {}
    }
}

/// Ends leases when their time is over: one timer, for the next deadline.
async fn end_leases(shared: Arc<Shared>, requests: mpsc::WeakSender<Request>) {
    loop {
        let next = shared.leases().next();
        let now = shared.clock.monotonic();
        match next {
            None => shared.lease_changed.notified().await,
            Some((deadline, _)) if deadline > now => {
                let due = shared.clock.sleep(deadline - now);
                tokio::select! {
                    () = due => {}
                    () = shared.lease_changed.notified() => {}
                }
            }
            Some((_, lease)) => {
                let Some(requests) = requests.upgrade() else {
                    return;
                };
                let (sender, answered) = oneshot::channel();
                let answer = Box::new(|result| {
                    // There is nobody but this task, and it waits.
                    let _ = sender.send(result);
                    None
                });
                if requests
                    .send(Request::Revoke { lease, answer })
                    .await
                    .is_err()
                {
                    return;
                }
                if let Ok(Err(error)) = answered.await {
                    tracing::warn!(lease, %error, "lease could not be ended");
                    return;
                }
            }
        }
    }
}

fn check(txn: &Txn) -> Result<(), StoreError> {
    let lists = [&txn.success, &txn.failure];
    if txn
        .compares
        .len()
        .max(txn.success.len())
        .max(txn.failure.len())
        > OPS_MAX
    {
        // Batches of our own API server come through `Store::create_batch`, which splits them.
        return Err(StoreError::Invalid(
            "etcdserver: too many operations in txn request".to_owned(),
        ));
    }
    let size: usize = lists.into_iter().flatten().map(size_of).sum();
    if size > REQUEST_MAX {
        return Err(StoreError::TooLarge {
            size,
            max: REQUEST_MAX,
        });
    }
    Ok(())
}

fn size_of(op: &Op) -> usize {
    match op {
        Op::Put { key, value, .. } => key.len() + value.as_ref().map_or(0, Bytes::len),
        Op::Delete { key, end, .. } => key.len() + end.len(),
        Op::Range(range) => range.key.len() + range.end.len(),
        Op::Txn(txn) => txn.success.iter().chain(&txn.failure).map(size_of).sum(),
    }
}

#[cfg(test)]
mod tests;
