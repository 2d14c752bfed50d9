//! The Watch service: many watches over one stream of messages.
//!
//! Each watch is a task that reads at its own cursor and waits for a place in the stream's bounded
//! queue, so a client that does not read holds up nobody but itself.

mod answers;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use styr_base::Tasks;
use styr_store::proto::etcdserverpb as pb;
use styr_store::{Revision, WatchItem};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::Backend;
use answers::Answers;

/// Messages that wait for a client to read them.
const QUEUE_MAX: usize = 64;
/// Revisions that one answer tells of, if a watch has to catch up.
const REVISIONS_MAX: usize = 256;
/// Watches of one stream.
const WATCHES_MAX: usize = 10_000;
/// What a progress answer has in the place of a watch's number.
const ALL: i64 = -1;

type Outcome = Result<pb::WatchResponse, Status>;

/// The service.
#[derive(Debug)]
pub(crate) struct Watch(pub(crate) Arc<Backend>);

#[async_trait]
impl pb::watch_server::Watch for Watch {
    type WatchStream = Pin<Box<dyn Stream<Item = Outcome> + Send>>;

    async fn watch(
        &self,
        request: Request<Streaming<pb::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (out, answers) = mpsc::channel(QUEUE_MAX);
        let session = Arc::new(Session {
            backend: Arc::clone(&self.0),
            out,
            watches: Mutex::default(),
            moved: Notify::new(),
            tasks: Tasks::new(),
        });
        let tasks = Tasks::new();
        tasks.spawn_infallible(session.run(request.into_inner()));
        // The tasks end with the answers: whoever reads no more has no watches.
        let answers = stream::unfold((answers, tasks), |(mut answers, tasks)| async move {
            answers
                .recv()
                .await
                .map(|answer| (answer, (answers, tasks)))
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

/// One stream with its watches.
#[derive(Debug)]
struct Session {
    backend: Arc<Backend>,
    out: mpsc::Sender<Outcome>,
    watches: Mutex<Watches>,
    /// Some watch has handed out more.
    moved: Notify,
    tasks: Tasks,
}

#[derive(Debug, Default)]
struct Watches {
    last: i64,
    running: BTreeMap<i64, Running>,
}

#[derive(Debug)]
struct Running {
    task: AbortHandle,
    /// Everything up to here is in the queue.
    sent: Revision,
}

impl Session {
    async fn run(self: Arc<Self>, mut requests: Streaming<pb::WatchRequest>) {
        while let Some(request) = requests.next().await {
            // A client that went away says so by an error; both end the stream.
            let Ok(request) = request else { return };
            match request.request_union {
                Some(pb::watch_request::RequestUnion::CreateRequest(create)) => {
                    self.create(create).await;
                }
                Some(pb::watch_request::RequestUnion::CancelRequest(cancel)) => {
                    self.cancel(cancel.watch_id).await;
                }
                Some(pb::watch_request::RequestUnion::ProgressRequest(_)) => {
                    let session = Arc::clone(&self);
                    self.tasks
                        .spawn_infallible(async move { session.progress().await });
                }
                None => {}
            }
        }
    }

    async fn send(&self, response: pb::WatchResponse) {
        let header = response.header.or_else(|| Some(self.backend.header()));
        // The receiver is gone only when the whole session is about to end.
        let _ = self
            .out
            .send(Ok(pb::WatchResponse { header, ..response }))
            .await;
    }

    async fn create(self: &Arc<Self>, request: pb::WatchCreateRequest) {
        let refused = {
            let watches = self.watches.lock().expect("no holder of this lock panics");
            let taken = request.watch_id != 0 && watches.running.contains_key(&request.watch_id);
            let full = watches.running.len() >= WATCHES_MAX;
            match (taken, full) {
                (true, _) => {
                    Some("etcdserver: mvcc: duplicate watch ID provided on the WatchStream")
                }
                (_, true) => Some("etcdserver: too many watches on the WatchStream"),
                _ => None,
            }
        };
        if let Some(reason) = refused {
            let cancel_reason = reason.to_owned();
            let (watch_id, created, canceled) = (ALL, true, true);
            let refusal = pb::WatchResponse {
                watch_id,
                created,
                canceled,
                cancel_reason,
                ..Default::default()
            };
            return self.send(refusal).await;
        }
        let watch_id = self.number(request.watch_id);
        let created = pb::WatchResponse {
            watch_id,
            created: true,
            ..Default::default()
        };
        self.send(created).await;
        let session = Arc::clone(self);
        let mut watches = self.watches.lock().expect("no holder of this lock panics");
        let task = self.tasks.spawn_infallible(async move {
            session.follow(watch_id, request).await;
        });
        watches.running.insert(watch_id, Running { task, sent: 0 });
    }

    fn number(&self, wanted: i64) -> i64 {
        let mut watches = self.watches.lock().expect("no holder of this lock panics");
        if wanted != 0 {
            return wanted;
        }
        while watches.running.contains_key(&watches.last) {
            watches.last += 1;
        }
        let number = watches.last;
        watches.last += 1;
        number
    }

    async fn cancel(&self, watch_id: i64) {
        let ended = {
            let mut watches = self.watches.lock().expect("no holder of this lock panics");
            watches.running.remove(&watch_id)
        };
        if let Some(running) = ended {
            running.task.abort();
            self.moved.notify_waiters();
            let canceled = pb::WatchResponse {
                watch_id,
                canceled: true,
                ..Default::default()
            };
            self.send(canceled).await;
        }
    }

    /// Answers when every watch has handed out everything up to the revision of now.
    async fn progress(&self) {
        let revision = self.backend.engine.revision();
        loop {
            let moved = self.moved.notified();
            let reached = {
                let watches = self.watches.lock().expect("no holder of this lock panics");
                watches
                    .running
                    .values()
                    .all(|running| running.sent >= revision)
            };
            if reached {
                break;
            }
            moved.await;
        }
        let header = Some(self.backend.header_at(revision));
        self.send(pb::WatchResponse {
            header,
            watch_id: ALL,
            ..Default::default()
        })
        .await;
    }

    fn reached(&self, watch_id: i64, revision: Revision) {
        let mut watches = self.watches.lock().expect("no holder of this lock panics");
        if let Some(running) = watches.running.get_mut(&watch_id) {
            running.sent = revision;
        }
        drop(watches);
        self.moved.notify_waiters();
    }

    /// Hands out what one watch sees, until it is cancelled or its past is gone.
    async fn follow(&self, watch_id: i64, request: pb::WatchCreateRequest) {
        let key = if request.key.is_empty() {
            Bytes::from_static(&[0])
        } else {
            request.key.clone()
        };
        let (end, from) = (request.range_end.clone(), request.start_revision);
        let changes = self.backend.engine.changes(key, end, from);
        let mut chunks = changes.ready_chunks(REVISIONS_MAX);
        let mut answers = Answers::new(watch_id, &request);
        loop {
            let interval = self.backend.member.progress_interval;
            let quiet = self.backend.clock.sleep(interval);
            let items = tokio::select! {
                items = chunks.next() => items,
                () = quiet, if request.progress_notify => {
                    self.notify(watch_id).await;
                    continue;
                }
            };
            let Some(items) = items else { return };
            for item in items {
                match item {
                    WatchItem::Events { revision, events } => {
                        if let Some(full) = answers.add(revision, events) {
                            self.send_events(full).await;
                        }
                    }
                    WatchItem::Progress(revision) => {
                        if let Some(rest) = answers.take() {
                            self.send_events(rest).await;
                        }
                        self.reached(watch_id, revision);
                    }
                    WatchItem::Compacted(compact_revision) => {
                        if let Some(rest) = answers.take() {
                            self.send_events(rest).await;
                        }
                        return self.end(watch_id, compact_revision).await;
                    }
                }
            }
            if let Some(rest) = answers.take() {
                self.send_events(rest).await;
            }
        }
    }

    async fn send_events(&self, (revision, answer): (Revision, pb::WatchResponse)) {
        let header = Some(self.backend.header_at(revision));
        self.send(pb::WatchResponse { header, ..answer }).await;
    }

    /// Says how far one watch has come. The store may be further, with events still on their way.
    async fn notify(&self, watch_id: i64) {
        let sent = {
            let watches = self.watches.lock().expect("no holder of this lock panics");
            watches.running.get(&watch_id).map(|running| running.sent)
        };
        let Some(sent) = sent.filter(|sent| *sent > 0) else {
            return;
        };
        let header = Some(self.backend.header_at(sent));
        self.send(pb::WatchResponse {
            header,
            watch_id,
            ..Default::default()
        })
        .await;
    }

    async fn end(&self, watch_id: i64, compact_revision: Revision) {
        {
            let mut watches = self.watches.lock().expect("no holder of this lock panics");
            watches.running.remove(&watch_id);
        }
        self.moved.notify_waiters();
        let canceled = pb::WatchResponse {
            watch_id,
            canceled: true,
            compact_revision,
            ..Default::default()
        };
        self.send(canceled).await;
    }
}
