//! Watches: a cursor into the history for each watcher.
//!
//! A watcher reads the shared history at its own pace and holds up nobody. If compaction passes its
//! cursor it is told so and ends.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use styr_store::{Event, Revision, WatchItem, WatchStream};

use crate::engine::Shared;

/// Revisions that a watcher takes at once; more would hold the index for too long.
const REVISIONS_PER_TURN: Revision = 1_000;

/// A watcher's place.
struct Cursor {
    shared: Arc<Shared>,
    durable: tokio::sync::watch::Receiver<Revision>,
    start: Bytes,
    end: Bytes,
    next: Revision,
    /// What was read and not yet handed out, last first.
    ready: Vec<WatchItem>,
    /// Whether everything up to the last durable revision has been handed out and said so.
    caught_up: bool,
    ended: bool,
}

/// Changes of `[start, end)` from revision `from` on.
pub(crate) fn watch(
    shared: Arc<Shared>,
    (start, end): (Bytes, Bytes),
    from: Revision,
) -> WatchStream {
    let durable = shared.durable.subscribe();
    let next = if from > 0 {
        from
    } else {
        *durable.borrow() + 1
    };
    let (ready, caught_up, ended) = (Vec::new(), false, false);
    let cursor = Cursor {
        shared,
        durable,
        start,
        end,
        next,
        ready,
        caught_up,
        ended,
    };
    Box::pin(stream::unfold(cursor, |mut cursor| async move {
        cursor.item().await.map(|item| (item, cursor))
    }))
}

impl Cursor {
    async fn item(&mut self) -> Option<WatchItem> {
        loop {
            if let Some(item) = self.ready.pop() {
                return Some(item);
            }
            if self.ended {
                return None;
            }
            let durable = *self.durable.borrow_and_update();
            if self.next <= durable {
                self.caught_up = false;
                self.read(durable);
            } else if self.caught_up {
                self.durable.changed().await.ok()?;
            } else {
                self.caught_up = true;
                if self.next == durable + 1 {
                    return Some(WatchItem::Progress(durable));
                }
            }
        }
    }

    fn read(&mut self, durable: Revision) {
        let index = self.shared.index();
        if self.next <= index.compacted() && index.compacted() > 1 {
            self.ready.push(WatchItem::Compacted(index.compacted()));
            self.ended = true;
            return;
        }
        let first = self.next.max(index.compacted() + 1);
        let last = durable.min(first + REVISIONS_PER_TURN - 1);
        for (revision, changed) in index.changes(first, last) {
            let inside = changed.iter().filter(|event| self.covers(event)).cloned();
            let events: Vec<Event> = inside.collect();
            if !events.is_empty() {
                self.ready.push(WatchItem::Events { revision, events });
            }
        }
        self.ready.reverse();
        self.next = last + 1;
    }

    fn covers(&self, event: &Event) -> bool {
        let key = &event.current.key;
        if self.end.is_empty() {
            return *key == self.start;
        }
        *key >= self.start && (self.end == [0][..] || *key < self.end)
    }
}
