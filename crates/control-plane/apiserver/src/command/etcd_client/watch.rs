//! A watch over the wire, one revision at a time.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::stream;
use styr_store::proto::etcdserverpb as pb;
use styr_store::proto::mvccpb;
use styr_store::{Event, EventKind, Revision, StoreError, WatchItem, WatchStream};
use tokio::sync::mpsc;
use tonic::Streaming;
use tonic::transport::Channel;

use pb::watch_client::WatchClient;
use pb::watch_request::RequestUnion;

use super::{MESSAGE_MAX, key_value, refused};

struct Watch {
    answers: Streaming<pb::WatchResponse>,
    /// Keeps the request half open: etcd ends a watch when its requests end.
    _requests: mpsc::Sender<pb::WatchRequest>,
    ready: VecDeque<WatchItem>,
    ended: bool,
}

/// Opens a watch.
pub(super) async fn open(
    channel: Channel,
    (start, end): (Bytes, Bytes),
    from: Revision,
) -> Result<WatchStream, StoreError> {
    let create = pb::WatchCreateRequest {
        key: start,
        range_end: end,
        start_revision: from,
        progress_notify: true,
        prev_kv: true,
        ..Default::default()
    };
    let (requests, receiver) = mpsc::channel(1);
    let request = pb::WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(create)),
    };
    requests
        .send(request)
        .await
        .expect("the receiver is in this function");
    let outgoing = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|request| (request, receiver))
    });
    let mut client = WatchClient::new(channel).max_decoding_message_size(MESSAGE_MAX);
    let answers = client
        .watch(outgoing)
        .await
        .map_err(|status| refused(&status))?
        .into_inner();
    let watch = Watch {
        answers,
        _requests: requests,
        ready: VecDeque::new(),
        ended: false,
    };
    Ok(Box::pin(stream::unfold(watch, |mut watch| async {
        watch.next().await.map(|item| (item, watch))
    })))
}

impl Watch {
    async fn next(&mut self) -> Option<WatchItem> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.ended {
                return None;
            }
            // A broken connection ends the stream; whoever watches goes on from where it was.
            let answer = self.answers.message().await.ok()??;
            self.take(answer);
        }
    }

    fn take(&mut self, answer: pb::WatchResponse) {
        if answer.compact_revision != 0 {
            self.ready
                .push_back(WatchItem::Compacted(answer.compact_revision));
            self.ended = true;
            return;
        }
        self.ended |= answer.canceled;
        if answer.events.is_empty() {
            let now: Revision = answer.header.as_ref().map_or(0, |header| header.revision);
            if !answer.created && !answer.canceled {
                self.ready.push_back(WatchItem::Progress(now));
            }
            return;
        }
        for event in answer.events.into_iter().filter_map(event) {
            let at = event.current.mod_revision;
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

fn event(event: mvccpb::Event) -> Option<Event> {
    let is_delete = event.r#type == i32::from(mvccpb::event::EventType::Delete);
    let kind = if is_delete {
        EventKind::Delete
    } else {
        EventKind::Put
    };
    let current = key_value(event.kv?);
    Some(Event {
        kind,
        current,
        previous: event.prev_kv.map(key_value),
    })
}
