//! Reads: at which revision, and out of what.

use std::sync::Arc;

use bytes::Bytes;
use styr_meta::Status;
use styr_store::{Range, Revision};

use super::Registry;
use super::cache::ChangeKind;
use super::entry::Entry;
use super::snapshot::Snapshot;
use crate::status;

/// How fresh an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// As the store is now.
    Latest,
    /// As the cache is.
    Any,
    NotOlderThan(Revision),
    Exact(Revision),
}

impl Registry {
    /// Waits until the cache is as fresh as asked for.
    pub async fn catch_up(&self, at: At) -> Result<(), Status> {
        match at {
            At::Any => Ok(()),
            At::NotOlderThan(revision) | At::Exact(revision) => self.progress.wait(revision).await,
            At::Latest => {
                let now = self.freshness.now().await;
                let now = now.map_err(|error| Self::unavailable(&error))?;
                self.progress.wait(now).await
            }
        }
    }

    /// One object, if there is such a one.
    pub async fn find(
        &self,
        namespace: &str,
        name: &str,
        at: At,
    ) -> Result<Option<Arc<Entry>>, Status> {
        self.catch_up(at).await?;
        Ok(self.cache.get(&self.key(namespace, name)))
    }

    /// One object, or 404.
    pub async fn get(&self, namespace: &str, name: &str, at: At) -> Result<Arc<Entry>, Status> {
        let found = self.find(namespace, name, at).await?;
        found.ok_or_else(|| status::not_found(&self.kind, name))
    }

    /// All objects and the revision of the view.
    pub async fn snapshot(&self, at: At) -> Result<(Snapshot, Revision), Status> {
        self.catch_up(at).await?;
        // Read first: the snapshot then holds at least everything up to it.
        let applied = self.progress.applied();
        match at {
            At::Exact(revision) => Ok((self.snapshot_at(revision).await?, revision)),
            _ => {
                let (snapshot, changed) = self.cache.snapshot();
                Ok((snapshot, applied.max(changed)))
            }
        }
    }

    /// The objects at a revision of the past: the present, with later changes taken back, or, if
    /// the ring does not reach so far, what the store still knows.
    async fn snapshot_at(&self, revision: Revision) -> Result<Snapshot, Status> {
        if self.progress.is_forgotten(revision) {
            return Err(status::compacted());
        }
        let Ok(mut cursor) = self.cache.cursor_behind(revision) else {
            return self.stored_at(revision).await;
        };
        // A write between the two only adds a change that is taken back as well.
        let (mut snapshot, until) = self.cache.snapshot();
        let mut later = Vec::new();
        while later
            .last()
            .is_none_or(|last: &super::cache::Change| last.entry.revision() < until)
        {
            let Ok(batch) = self.cache.advance(&mut cursor) else {
                return self.stored_at(revision).await;
            };
            if batch.is_empty() {
                break;
            }
            later.extend(batch);
        }
        for change in later.iter().rev() {
            if change.entry.revision() <= revision || change.entry.revision() > until {
                continue;
            }
            match (change.kind, &change.previous) {
                (ChangeKind::Added, _) | (_, None) => {
                    snapshot.remove(change.entry.key());
                }
                (_, Some(previous)) => {
                    snapshot.insert(Arc::clone(previous));
                }
            }
        }
        Ok(snapshot)
    }

    async fn stored_at(&self, revision: Revision) -> Result<Snapshot, Status> {
        let prefix = format!("{}/", self.kind.storage_prefix);
        let end = format!("{}0", self.kind.storage_prefix);
        let range = Range {
            start: Bytes::from(prefix.clone()),
            end: Bytes::from(end),
            at: revision,
            ..Range::default()
        };
        let answer = self
            .store
            .range(range)
            .await
            .map_err(|error| Self::unavailable(&error))?;
        let mut snapshot = Snapshot::default();
        for stored in &answer.entries {
            let key = std::str::from_utf8(&stored.key)
                .ok()
                .and_then(|it| it.strip_prefix(&prefix));
            let Some(key) = key else { continue };
            match self.read_stored(key, &stored.value, stored.mod_revision) {
                Ok(entry) => {
                    snapshot.insert(Arc::new(entry));
                }
                Err(error) => tracing::error!(%error, "skipped an object"),
            }
        }
        Ok(snapshot)
    }
}
