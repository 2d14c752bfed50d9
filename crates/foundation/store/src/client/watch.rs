//! A watch over the wire, one revision at a time.
//!
//! etcd says nothing while nothing happens to the keys that are watched. So whenever an answer to
//! any request of this client tells of a revision that a watch has not reached, and its events do
//! not come by themselves, the watch asks how far it is. When all is quiet nothing is asked.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use styr_base::clock::Sleep;
use styr_base::{Backoff, SharedClock};
use tokio::sync::{mpsc, watch};
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::MESSAGE_MAX;
use super::convert::event;
use crate::contract::{Revision, WatchItem, WatchStream};
use crate::proto::{etcdserverpb as pb, mvccpb};
use pb::watch_client::WatchClient;
use pb::watch_request::RequestUnion;

/// How long events may take before the watch asks how far it is, and the longest wait until it asks
/// again: a server that lost revisions never reaches what was seen.
const ASK_FIRST: Duration = Duration::from_millis(20);
const ASK_LAST: Duration = Duration::from_secs(5);
/// Requests of one watch on their way: its creation, then one question at a time.
const REQUESTS_MAX: usize = 1;

/// What a watch shares with its client.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) seen: watch::Sender<Revision>,
    pub(super) clock: SharedClock,
}

/// Both directions of a watch.
#[derive(Debug)]
pub(super) struct Exchange {
    answers: Streaming<pb::WatchResponse>,
    /// Open as long as the watch: etcd ends a watch when its requests end.
    requests: mpsc::Sender<pb::WatchRequest>,
}

/// Raises what has been seen.
pub(super) fn note(seen: &watch::Sender<Revision>, revision: Revision) {
    seen.send_if_modified(|seen| {
        let is_later = revision > *seen;
        *seen = revision.max(*seen);
        is_later
    });
}

/// Opens a watch; the first answer says that it is there.
pub(super) async fn open(
    channel: Channel,
    (key, range_end): (Bytes, Bytes),
    start_revision: Revision,
) -> Result<(pb::WatchResponse, Exchange), Status> {
    let create = pb::WatchCreateRequest {
        key,
        range_end,
        start_revision,
        progress_notify: true,
        prev_kv: true,
        ..Default::default()
    };
    let (requests, queue) = mpsc::channel(REQUESTS_MAX);
    requests
        .try_send(message(RequestUnion::CreateRequest(create)))
        .expect("the queue is new and takes one");
    let outgoing = stream::unfold(queue, |mut queue| async {
        queue.recv().await.map(|request| (request, queue))
    });
    let mut request = Request::new(outgoing);
    // A member that is cut off from the others ends the watch instead of leaving it silent.
    let yes = tonic::metadata::MetadataValue::from_static("true");
    request.metadata_mut().insert("hasleader", yes);
    let mut client = WatchClient::new(channel).max_decoding_message_size(MESSAGE_MAX);
    let mut answers = client.watch(request).await?.into_inner();
    let Some(created) = answers.message().await? else {
        return Err(Status::unavailable("etcd ended a watch before it began"));
    };
    if created.canceled && created.compact_revision == 0 {
        return Err(Status::unavailable(created.cancel_reason));
    }
    Ok((created, Exchange { answers, requests }))
}

/// What the watch says from then on.
pub(super) fn follow(
    source: Source,
    from: Revision,
    created: &pb::WatchResponse,
    exchange: Exchange,
) -> WatchStream {
    let now = created.header.as_ref().map_or(0, |header| header.revision);
    // Without a past to send, the watch begins where the store is. etcd answers no question about
    // it before the first revision that it could send.
    let has_no_past = from == 0 || from > now;
    let mut watch = Watch {
        seen: source.seen.subscribe(),
        source,
        exchange,
        reached: if from > 0 { from - 1 } else { now },
        has_told: has_no_past,
        asking: Backoff::new(ASK_FIRST, ASK_LAST),
        next_question: None,
        ready: VecDeque::new(),
        has_ended: false,
    };
    watch.take(created);
    if has_no_past {
        watch.ready.push_back(WatchItem::Progress(now));
    } else {
        watch.ask();
    }
    Box::pin(stream::unfold(watch, |mut watch| async {
        watch.item().await.map(|item| (item, watch))
    }))
}

struct Watch {
    source: Source,
    seen: watch::Receiver<Revision>,
    exchange: Exchange,
    /// Everything up to here is in `ready` or was handed out.
    reached: Revision,
    /// Whether it is known that the past has been sent.
    has_told: bool,
    asking: Backoff,
    /// When to ask; nothing while the watch has reached what was seen.
    next_question: Option<Sleep>,
    ready: VecDeque<WatchItem>,
    has_ended: bool,
}

impl Watch {
    async fn item(&mut self) -> Option<WatchItem> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.has_ended {
                return None;
            }
            let seen = *self.seen.borrow_and_update();
            if self.has_told && self.reached >= seen {
                self.next_question = None;
                self.asking.reset();
                tokio::select! {
                    answer = self.exchange.answers.message() => self.answered(answer),
                    // The sender is in `source`.
                    _ = self.seen.changed() => {}
                }
            } else {
                let clock = &self.source.clock;
                let wait = || clock.sleep(self.asking.next_wait());
                let question = self.next_question.get_or_insert_with(wait);
                tokio::select! {
                    biased;
                    answer = self.exchange.answers.message() => self.answered(answer),
                    () = question => {
                        self.next_question = None;
                        self.ask();
                    }
                }
            }
        }
    }

    fn ask(&self) {
        let question = RequestUnion::ProgressRequest(pb::WatchProgressRequest {});
        // If the one before has not even been sent, it does for both.
        let _ = self.exchange.requests.try_send(message(question));
    }

    /// A broken connection ends the stream; whoever watches goes on from where it was.
    fn answered(&mut self, answer: Result<Option<pb::WatchResponse>, Status>) {
        match answer {
            Ok(Some(answer)) => self.take(&answer),
            Ok(None) => self.has_ended = true,
            Err(error) => {
                tracing::debug!(%error, "a watch of etcd broke");
                self.has_ended = true;
            }
        }
    }

    fn take(&mut self, answer: &pb::WatchResponse) {
        if answer.compact_revision != 0 {
            let compacted = WatchItem::Compacted(answer.compact_revision);
            self.ready.push_back(compacted);
            self.has_ended = true;
            return;
        }
        let now = answer.header.as_ref().map_or(0, |header| header.revision);
        note(&self.source.seen, now);
        if answer.canceled {
            tracing::warn!(reason = answer.cancel_reason, "etcd ended a watch");
            self.has_ended = true;
        } else if !answer.events.is_empty() {
            self.take_events(&answer.events);
        } else if !answer.created {
            self.has_told = true;
            self.reached = self.reached.max(now);
            self.ready.push_back(WatchItem::Progress(now));
        }
    }

    fn take_events(&mut self, events: &[mvccpb::Event]) {
        for event in events.iter().filter_map(event) {
            let at = event.current.mod_revision;
            self.reached = self.reached.max(at);
            match self.ready.back_mut() {
                Some(WatchItem::Events { revision, events }) if *revision == at => {
                    events.push(event);
                }
                _ => self.ready.push_back(WatchItem::Events {
                    revision: at,
                    events: vec![event],
                }),
            }
        }
    }
}

fn message(request: RequestUnion) -> pb::WatchRequest {
    let request_union = Some(request);
    pb::WatchRequest { request_union }
}
