//! GET with `watch`: a cursor into the ring of the resource, and a filter.
//!
//! Nothing is queued for a watcher: its stream is asked for more only when the connection can take
//! it, and whoever the ring has overtaken is told 410 in the stream and must list again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use rand::Rng;
use styr_base::Shutdown;
use styr_meta::Status;
use styr_store::Revision;
use tokio::sync::watch::Receiver;

use super::Scope;
use super::list_options::ListOptions;
use super::watch_frames::Frames;
use crate::body::{Body, Response};
use crate::inbound::Inbound;
use crate::limits::Permit;
use crate::negotiation::{Encoding, Offer};
use crate::registry::Entry;
use crate::registry::cache::{Change, ChangeKind, Cursor};
use crate::registry::read::At;
use crate::registry::selection::Selection;
use crate::server::State;
use crate::websocket::{self, Messages};
use crate::{response, status};

/// How long a watch lasts if the client does not say, at least; up to twice that, at random, as
/// upstream's `--min-request-timeout`.
const TIMEOUT_MIN: Duration = Duration::from_secs(1800);
/// How often a bookmark is sent to those who asked for them.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// Bytes that are gathered before they are handed to the connection.
const CHUNK: usize = 64 << 10;

pub(super) async fn watch(inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let form = inbound.form(Offer::Stream)?;
    let options = ListOptions::parse(&scope.kind, &inbound.query, true)?;
    let start = Start::of(&options);
    scope.registry.catch_up(start.at).await?;
    let frames = Frames::new(&scope, form, &inbound.query);
    let namespace = inbound.info.namespace.clone();
    let prefix = if namespace.is_empty() {
        String::new()
    } else {
        format!("{namespace}/")
    };
    let deadline = inbound.state.clock.monotonic() + timeout(&options);
    let permit = inbound.request.extensions.get::<Permit>().cloned();
    let mut watcher = Watcher {
        head: scope.registry.cache.head(),
        filter: Filter {
            prefix,
            selection: options.selection,
            scope,
        },
        frames,
        pending: VecDeque::new(),
        state: Arc::clone(&inbound.state),
        shutdown: inbound.state.shutdown.clone(),
        deadline,
        bookmark_at: options
            .allow_bookmarks
            .then(|| inbound.state.clock.monotonic() + BOOKMARK_EVERY),
        told: 0,
        phase: Phase::Ended,
        _permit: permit,
    };
    watcher.begin(start, options.allow_bookmarks);
    let chunks = futures::stream::unfold(watcher, |mut watcher| async {
        watcher.next().await.map(|chunk| (chunk, watcher))
    });
    let (media, messages) = match form.encoding {
        Encoding::Protobuf => (
            "application/vnd.kubernetes.protobuf;stream=watch",
            Messages::Prefixed,
        ),
        _ => ("application/json", Messages::Lines),
    };
    let mut answer = response::with_body(StatusCode::OK, Body::stream(chunks));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static(media));
    websocket::offer(&inbound, answer, messages)
}

fn timeout(options: &ListOptions) -> Duration {
    match options.timeout_seconds {
        None | Some(0) => TIMEOUT_MIN.mul_f64(1.0 + rand::rng().random_range(0.0..1.0)),
        Some(seconds) => Duration::from_secs(seconds),
    }
}

/// Where a watch begins.
#[derive(Debug, Clone, Copy)]
struct Start {
    at: At,
    /// Behind this revision; `None` = behind the present.
    behind: Option<Revision>,
    /// Everything that there is comes first.
    initial: bool,
    /// ... and then a bookmark that says so.
    marks_end: bool,
}

impl Start {
    fn of(options: &ListOptions) -> Self {
        // Without a revision, upstream sends what there is, and says when that is over.
        let is_legacy = matches!(options.revision, None | Some(0));
        let initial = options.send_initial_events.unwrap_or(is_legacy);
        let at = match options.revision {
            None => At::Latest,
            Some(0) => At::Any,
            Some(revision) if initial => At::NotOlderThan(revision),
            Some(_) => At::Any,
        };
        let behind = options
            .revision
            .filter(|revision| *revision > 0 && !initial);
        Self {
            at,
            behind,
            initial,
            marks_end: initial,
        }
    }
}

enum Phase {
    /// Objects that were there at the beginning.
    Initial {
        objects: VecDeque<Arc<Entry>>,
        cursor: Cursor,
        revision: Revision,
        marks_end: bool,
    },
    Following {
        cursor: Cursor,
        behind: Revision,
    },
    Ended,
}

struct Watcher {
    head: Receiver<u64>,
    filter: Filter,
    frames: Frames,
    /// Changes that have been taken from the ring and not been sent.
    pending: VecDeque<Change>,
    state: Arc<State>,
    shutdown: Shutdown,
    deadline: Duration,
    bookmark_at: Option<Duration>,
    /// The last revision that the client was told.
    told: Revision,
    phase: Phase,
    /// Held as long as the stream lives.
    _permit: Option<Permit>,
}

impl Watcher {
    fn begin(&mut self, start: Start, allow_bookmarks: bool) {
        let cache = &self.filter.scope.registry.cache;
        let applied = self.state.resources.progress().applied();
        if let Some(behind) = start.behind {
            self.phase = match cache.cursor_behind(behind) {
                Ok(cursor) => Phase::Following { cursor, behind },
                Err(oldest) => {
                    let text = format!("too old resource version: {behind} ({oldest})");
                    self.frames.error(&status::expired(&text));
                    Phase::Ended
                }
            };
            self.told = behind;
            return;
        }
        let (snapshot, changed, cursor) = cache.snapshot_and_cursor();
        let revision = applied.max(changed);
        if !start.initial {
            self.told = revision;
            self.phase = Phase::Following {
                cursor,
                behind: revision,
            };
            return;
        }
        let objects = snapshot
            .range(&self.filter.prefix, "")
            .filter(|entry| self.filter.selects(entry))
            .cloned()
            .collect();
        let marks_end = start.marks_end && allow_bookmarks;
        self.phase = Phase::Initial {
            objects,
            cursor,
            revision,
            marks_end,
        };
    }

    /// The next chunk; none when the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.fill();
            if let Some(chunk) = self.frames.take() {
                return Some(chunk);
            }
            if matches!(self.phase, Phase::Ended) {
                return None;
            }
            self.wait().await;
        }
    }

    /// Writes what there is, up to a chunk.
    fn fill(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Ended => {}
            Phase::Initial {
                mut objects,
                cursor,
                revision,
                marks_end,
            } => {
                while self.frames.len() < CHUNK
                    && let Some(entry) = objects.pop_front()
                {
                    self.frames.event("ADDED", &entry, self.state.clock.now());
                }
                if !objects.is_empty() {
                    self.phase = Phase::Initial {
                        objects,
                        cursor,
                        revision,
                        marks_end,
                    };
                    return;
                }
                if marks_end {
                    self.frames.bookmark(revision, true);
                }
                self.told = revision;
                self.phase = Phase::Following { cursor, behind: 0 };
            }
            Phase::Following { cursor, behind } => self.follow(cursor, behind),
        }
    }

    fn follow(&mut self, mut cursor: Cursor, behind: Revision) {
        // Seen before the ring is read: then all changes up to it are in what is read.
        let applied = self.state.resources.progress().applied();
        self.head.mark_unchanged();
        while self.frames.len() < CHUNK {
            if self.pending.is_empty() {
                match self.filter.scope.registry.cache.advance(&mut cursor) {
                    Ok(batch) if batch.is_empty() => break,
                    Ok(batch) => self.pending.extend(batch),
                    Err(_) => {
                        let text = format!("too old resource version: {} ({applied})", self.told);
                        self.frames.error(&status::expired(&text));
                        return;
                    }
                }
            }
            while self.frames.len() < CHUNK
                && let Some(change) = self.pending.pop_front()
            {
                let revision = change.entry.revision();
                if revision <= behind {
                    continue;
                }
                if let Some((kind, entry)) = self.filter.view(&change) {
                    self.frames.event(kind, &entry, self.state.clock.now());
                }
                self.told = revision;
            }
        }
        let now = self.state.clock.monotonic();
        let caught_up = self.pending.is_empty() && self.frames.len() < CHUNK;
        if caught_up && self.bookmark_at.is_some_and(|at| at <= now) {
            self.bookmark_at = Some(now + BOOKMARK_EVERY);
            let revision = applied.max(self.told);
            self.frames.bookmark(revision, false);
            self.told = revision;
        }
        self.phase = Phase::Following { cursor, behind };
    }

    /// Until there is something to do.
    async fn wait(&mut self) {
        let clock = Arc::clone(&self.state.clock);
        let now = clock.monotonic();
        if now >= self.deadline {
            self.phase = Phase::Ended;
            return;
        }
        let until = self
            .bookmark_at
            .map_or(self.deadline, |at| at.min(self.deadline));
        tokio::select! {
            changed = self.head.changed() => {
                if changed.is_err() {
                    self.phase = Phase::Ended;
                }
            }
            () = clock.sleep(until.saturating_sub(now)) => {}
            () = self.shutdown.requested() => self.phase = Phase::Ended,
        }
    }
}

/// What a watcher wants to see.
struct Filter {
    prefix: String,
    selection: Selection,
    scope: Scope,
}

impl Filter {
    fn selects(&self, entry: &Entry) -> bool {
        entry.key().starts_with(&self.prefix)
            && self.selection.matches(entry, &self.scope.registry.kind)
    }

    /// How a change looks from here: an object that no longer matches is deleted.
    fn view(&self, change: &Change) -> Option<(&'static str, Arc<Entry>)> {
        if !change.entry.key().starts_with(&self.prefix) {
            return None;
        }
        let is_in = change.kind != ChangeKind::Deleted && self.selects(&change.entry);
        let was_in = change.previous.as_ref().is_some_and(|it| self.selects(it));
        match (was_in, is_in) {
            (false, false) => None,
            (false, true) => Some(("ADDED", Arc::clone(&change.entry))),
            (true, true) => Some(("MODIFIED", Arc::clone(&change.entry))),
            (true, false) if change.kind == ChangeKind::Deleted => {
                Some(("DELETED", Arc::clone(&change.entry)))
            }
            (true, false) => {
                let previous = change.previous.as_ref().expect("it was selected");
                let revision = change.entry.revision();
                Some(("DELETED", Arc::new(previous.at_revision(revision))))
            }
        }
    }
}
