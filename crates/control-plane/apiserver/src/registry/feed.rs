//! Feeds all caches from one watch of the whole store.
//!
//! Loads everything at one revision, then follows from the next. A broken stream is taken up where
//! it broke; if the store has compacted that revision, everything is loaded anew and watchers are
//! told to list. Never a gap.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use styr_base::{Backoff, Shutdown};
use styr_store::{Event, EventKind, KeyValue, Range, Revision, StoreError, WatchItem};

use super::Resources;
use super::cache::Write;
use super::entry::Entry;

/// Objects of one page of the load.
const PAGE: usize = 10_000;
/// The first and the last wait before the store is asked again after a failure.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(5);
/// All keys that anybody writes; the end is not included.
const ALL_START: &[u8] = &[0];
const ALL_END: &[u8] = &[0xff];

/// Runs until shutdown.
pub(crate) async fn run(resources: Arc<Resources>, shutdown: Shutdown) {
    let mut retry = Backoff::new(RETRY_FIRST, RETRY_LAST);
    let mut next = None;
    loop {
        let followed = tokio::select! {
            followed = follow(&resources, &mut next, &mut retry) => followed,
            () = shutdown.requested() => return,
        };
        if let Err(error) = followed {
            tracing::warn!(%error, "could not follow the store");
        }
        tokio::select! {
            () = resources.clock.sleep(retry.next_wait()) => {}
            () = shutdown.requested() => return,
        }
    }
}

/// Loads if `next` is not known, then applies events until the stream ends.
async fn follow(
    resources: &Resources,
    next: &mut Option<Revision>,
    retry: &mut Backoff,
) -> Result<(), StoreError> {
    let from = match *next {
        Some(from) => from,
        None => load(resources).await? + 1,
    };
    *next = Some(from);
    let (start, end) = (Bytes::from_static(ALL_START), Bytes::from_static(ALL_END));
    let mut stream = resources.store.watch(start, end, from).await?;
    while let Some(item) = stream.next().await {
        match item {
            WatchItem::Events { revision, events } => {
                apply(resources, events);
                resources.progress.reached(revision);
                *next = Some(revision + 1);
            }
            WatchItem::Progress(revision) => {
                resources.progress.reached(revision);
                *next = Some(revision + 1);
            }
            WatchItem::Compacted(revision) => {
                tracing::warn!(revision, "the store has compacted what was to be read next");
                *next = None;
                return Ok(());
            }
        }
        retry.reset();
    }
    Ok(())
}

async fn load(resources: &Resources) -> Result<Revision, StoreError> {
    let mut per_resource: Vec<Vec<Arc<Entry>>> = resources.all.iter().map(|_| Vec::new()).collect();
    let mut start = Bytes::from_static(b"/registry/");
    let mut at = 0;
    loop {
        let range = Range {
            start: start.clone(),
            end: Bytes::from_static(b"/registry0"),
            at,
            limit: PAGE,
        };
        let answer = resources.store.range(range).await?;
        at = answer.revision;
        for key_value in &answer.entries {
            if let Some((index, entry)) = read(resources, key_value) {
                per_resource[index].push(entry);
            }
        }
        let Some(last) = answer.entries.last().filter(|_| answer.more) else {
            break;
        };
        let mut following = last.key.to_vec();
        following.push(0);
        start = Bytes::from(following);
    }
    for (registry, entries) in resources.all.iter().zip(per_resource) {
        registry.cache.fill(entries, at);
    }
    resources.progress.reached(at);
    Ok(at)
}

fn apply(resources: &Resources, events: Vec<Event>) {
    let mut writes: HashMap<usize, Vec<Write>> = HashMap::new();
    for event in events {
        let Some((index, key)) = resources.route(&event.current.key) else {
            continue;
        };
        let revision = event.current.mod_revision;
        let write = match event.kind {
            EventKind::Put => match read(resources, &event.current) {
                Some((_, entry)) => Write::Put(entry),
                // What cannot be read cannot be served, whatever was there before.
                None => Write::Delete {
                    key: key.to_owned(),
                    revision,
                },
            },
            EventKind::Delete => Write::Delete {
                key: key.to_owned(),
                revision,
            },
        };
        writes.entry(index).or_default().push(write);
    }
    for (index, writes) in writes {
        resources.all[index].cache.apply(writes);
    }
}

fn read(resources: &Resources, key_value: &KeyValue) -> Option<(usize, Arc<Entry>)> {
    let (index, key) = resources.route(&key_value.key)?;
    let registry = &resources.all[index];
    match registry.read_stored(key, &key_value.value, key_value.mod_revision) {
        Ok(entry) => Some((index, Arc::new(entry))),
        Err(error) => {
            tracing::error!(%error, "skipped an object");
            None
        }
    }
}
