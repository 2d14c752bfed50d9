//! Puts the events of several revisions into one answer while a watch has to catch up.

use styr_store::proto::{etcdserverpb as pb, mvccpb};
use styr_store::{Event, EventKind, Revision};

use crate::server::convert;

/// An answer goes out when its keys and values have so many bytes.
const BYTES_MAX: usize = 1 << 20;

/// The next answer of one watch.
#[derive(Debug)]
pub(super) struct Answers {
    watch_id: i64,
    without_puts: bool,
    without_deletes: bool,
    with_previous: bool,
    events: Vec<mvccpb::Event>,
    bytes: usize,
    revision: Revision,
}

impl Answers {
    pub(super) fn new(watch_id: i64, request: &pb::WatchCreateRequest) -> Self {
        let has = |wanted| request.filters().any(|filter| filter == wanted);
        Self {
            watch_id,
            without_puts: has(pb::watch_create_request::FilterType::Noput),
            without_deletes: has(pb::watch_create_request::FilterType::Nodelete),
            with_previous: request.prev_kv,
            events: Vec::new(),
            bytes: 0,
            revision: 0,
        }
    }

    /// Adds all events of one revision, which are never parted; answers what is large enough.
    pub(super) fn add(
        &mut self,
        revision: Revision,
        events: Vec<Event>,
    ) -> Option<(Revision, pb::WatchResponse)> {
        for event in events {
            let is_unwanted = match event.kind {
                EventKind::Put => self.without_puts,
                EventKind::Delete => self.without_deletes,
            };
            if is_unwanted {
                continue;
            }
            self.revision = revision;
            let event = convert::event(event, self.with_previous);
            let key_values = event.kv.iter().chain(&event.prev_kv);
            self.bytes += key_values
                .map(|it| it.key.len() + it.value.len())
                .sum::<usize>();
            self.events.push(event);
        }
        if self.bytes < BYTES_MAX {
            return None;
        }
        self.take()
    }

    /// What there is, with the last revision in it.
    pub(super) fn take(&mut self) -> Option<(Revision, pb::WatchResponse)> {
        if self.events.is_empty() {
            return None;
        }
        self.bytes = 0;
        let answer = pb::WatchResponse {
            watch_id: self.watch_id,
            events: std::mem::take(&mut self.events),
            ..Default::default()
        };
        Some((self.revision, answer))
    }
}

#[cfg(test)]
mod tests;
