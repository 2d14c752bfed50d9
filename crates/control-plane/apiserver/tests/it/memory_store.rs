//! A store in memory: real compare-and-swap, history and replay, nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use styr_store::{
    Event, EventKind, KeyValue, Range, RangeAnswer, Revision, Status, Store, StoreError, WatchItem,
    WatchStream,
};
use tokio::sync::watch;

#[derive(Debug, Clone)]
pub(crate) struct MemoryStore {
    state: Arc<Mutex<State>>,
    head: watch::Sender<Revision>,
}

#[derive(Debug)]
struct State {
    keys: BTreeMap<Bytes, KeyValue>,
    log: Vec<(Revision, Vec<Event>)>,
    revision: Revision,
    compacted: Revision,
}

impl MemoryStore {
    pub(crate) fn shared() -> Arc<Self> {
        let state = State {
            keys: BTreeMap::new(),
            log: Vec::new(),
            revision: 1,
            compacted: 0,
        };
        Arc::new(Self {
            state: Arc::new(Mutex::new(state)),
            head: watch::Sender::new(1),
        })
    }

    fn write(
        &self,
        decide: impl FnOnce(&State) -> Result<Vec<(Bytes, Option<Bytes>)>, StoreError>,
    ) -> Result<Revision, StoreError> {
        let mut state = self.state.lock().expect("no holder panics");
        let writes = decide(&state)?;
        let revision = state.revision + 1;
        state.revision = revision;
        let mut events = Vec::new();
        for (key, value) in writes {
            let previous = state.keys.remove(&key);
            let (kind, current) = match value {
                Some(value) => {
                    let current = KeyValue {
                        key: key.clone(),
                        value,
                        create_revision: previous
                            .as_ref()
                            .map_or(revision, |it| it.create_revision),
                        mod_revision: revision,
                        version: previous.as_ref().map_or(1, |it| it.version + 1),
                        lease: 0,
                    };
                    state.keys.insert(key, current.clone());
                    (EventKind::Put, current)
                }
                None => {
                    let current = KeyValue {
                        key,
                        mod_revision: revision,
                        ..KeyValue::default()
                    };
                    (EventKind::Delete, current)
                }
            };
            events.push(Event {
                kind,
                current,
                previous,
            });
        }
        state.log.push((revision, events));
        drop(state);
        self.head.send_replace(revision);
        Ok(revision)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &[u8]) -> Result<(Option<KeyValue>, Revision), StoreError> {
        let state = self.state.lock().expect("no holder panics");
        Ok((state.keys.get(key).cloned(), state.revision))
    }

    async fn range(&self, range: Range) -> Result<RangeAnswer, StoreError> {
        let state = self.state.lock().expect("no holder panics");
        let at = if range.at == 0 {
            state.revision
        } else {
            range.at
        };
        if at < state.compacted {
            return Err(StoreError::Compacted {
                oldest: state.compacted,
            });
        }
        let mut keys = state.keys.clone();
        for (_, events) in state
            .log
            .iter()
            .rev()
            .take_while(|(revision, _)| *revision > at)
        {
            for event in events.iter().rev() {
                match &event.previous {
                    Some(previous) => keys.insert(event.current.key.clone(), previous.clone()),
                    None => keys.remove(&event.current.key),
                };
            }
        }
        let all: Vec<KeyValue> = keys
            .range(range.start..range.end)
            .map(|(_, value)| value.clone())
            .collect();
        let limit = if range.limit == 0 {
            all.len()
        } else {
            range.limit
        };
        Ok(RangeAnswer {
            revision: at,
            more: all.len() > limit,
            remaining: all.len().saturating_sub(limit),
            entries: all.into_iter().take(limit).collect(),
        })
    }

    async fn create(&self, key: Bytes, value: Bytes, _lease: i64) -> Result<Revision, StoreError> {
        self.write(|state| {
            if state.keys.contains_key(&key) {
                return Err(StoreError::Exists);
            }
            Ok(vec![(key, Some(value))])
        })
    }

    async fn update(
        &self,
        key: Bytes,
        value: Bytes,
        expected: Revision,
        _lease: i64,
    ) -> Result<Revision, StoreError> {
        self.write(|state| {
            let current = state.keys.get(&key).cloned();
            if current
                .as_ref()
                .is_none_or(|it| it.mod_revision != expected)
            {
                return Err(StoreError::Conflict { current });
            }
            Ok(vec![(key, Some(value))])
        })
    }

    async fn delete(&self, key: Bytes, expected: Revision) -> Result<Revision, StoreError> {
        self.write(|state| {
            let current = state.keys.get(&key).cloned();
            if current
                .as_ref()
                .is_none_or(|it| it.mod_revision != expected)
            {
                return Err(StoreError::Conflict { current });
            }
            Ok(vec![(key, None)])
        })
    }

    async fn create_batch(&self, entries: Vec<(Bytes, Bytes)>) -> Result<Revision, StoreError> {
        self.write(|state| {
            if entries.iter().any(|(key, _)| state.keys.contains_key(key)) {
                return Err(StoreError::Exists);
            }
            Ok(entries
                .into_iter()
                .map(|(key, value)| (key, Some(value)))
                .collect())
        })
    }

    async fn watch(
        &self,
        start: Bytes,
        end: Bytes,
        from: Revision,
    ) -> Result<WatchStream, StoreError> {
        let follow = (self.clone(), self.head.subscribe(), from - 1);
        let stream = futures::stream::unfold(follow, move |(store, mut head, sent)| {
            let range = start.clone()..end.clone();
            async move {
                head.wait_for(|revision| *revision > sent).await.ok()?;
                let state = store.state.lock().expect("no holder panics");
                let at = state.log.partition_point(|(revision, _)| *revision <= sent);
                let (revision, events) = state.log.get(at)?.clone();
                drop(state);
                let inside = |event: &Event| range.contains(&event.current.key);
                let events: Vec<Event> = events.into_iter().filter(inside).collect();
                let item = if events.is_empty() {
                    WatchItem::Progress(revision)
                } else {
                    WatchItem::Events { revision, events }
                };
                Some((item, (store, head, revision)))
            }
        });
        Ok(Box::pin(stream))
    }

    async fn grant_lease(&self, _ttl_seconds: i64) -> Result<i64, StoreError> {
        Ok(1)
    }

    async fn compact(&self, at: Revision) -> Result<(), StoreError> {
        self.state.lock().expect("no holder panics").compacted = at;
        Ok(())
    }

    async fn current_revision(&self) -> Result<Revision, StoreError> {
        Ok(self.state.lock().expect("no holder panics").revision)
    }

    async fn status(&self) -> Result<Status, StoreError> {
        Ok(Status::default())
    }
}
