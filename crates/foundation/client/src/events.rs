//! Tells users what happened to their objects, as Events of the core group.
//!
//! The same event again is counted, not written again; many alike ones are merged; and what comes
//! faster than the server takes it is dropped: events are a courtesy and must never block work.

mod correlator;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::json;
use styr_base::{SharedClock, Shutdown, Tasks};
use tokio::sync::mpsc;

use crate::{Client, Object};
use correlator::{Correlator, Verdict};

/// Events that wait to be written; upstream's length of the same queue.
const WAITING_MAX: usize = 1000;
/// Upstream's limit of a message.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// It is.
    Normal,
    /// Somebody may want to do something.
    Warning,
}

/// What is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Occurrence {
    object: ObjectReference,
    kind: EventType,
    reason: String,
    message: String,
    at: Timestamp,
}

/// Records events. Clones share the queue.
#[derive(Debug, Clone)]
pub struct Recorder {
    sender: mpsc::Sender<Occurrence>,
    clock: SharedClock,
    _tasks: Arc<Tasks>,
}

/// A reference to an object, as events carry it.
pub fn reference<K: Object>(object: &K) -> ObjectReference {
    let metadata = object.metadata().clone();
    ObjectReference {
        api_version: Some(K::API_VERSION.to_owned()),
        kind: Some(K::KIND.to_owned()),
        namespace: metadata.namespace,
        name: metadata.name,
        uid: metadata.uid,
        resource_version: metadata.resource_version,
        field_path: None,
    }
}

impl Recorder {
    /// Records in the name of a component, and of its node if it works for one.
    pub fn new(
        client: Client,
        clock: SharedClock,
        shutdown: Shutdown,
        source: EventSource,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let tasks = Tasks::new();
        let writer = Writer {
            client,
            source,
            correlator: Correlator::new(),
        };
        tasks.spawn_infallible(async move {
            tokio::select! {
                () = writer.run(receiver) => {}
                () = shutdown.requested() => {}
            }
        });
        Self {
            sender,
            clock,
            _tasks: Arc::new(tasks),
        }
    }

    /// All is well.
    pub fn normal<K: Object>(&self, object: &K, reason: &str, message: impl Into<String>) {
        self.record(reference(object), EventType::Normal, reason, message.into());
    }

    /// All is not well.
    pub fn warning<K: Object>(&self, object: &K, reason: &str, message: impl Into<String>) {
        self.record(
            reference(object),
            EventType::Warning,
            reason,
            message.into(),
        );
    }

    /// About a part of an object, or an object that is not at hand.
    pub fn record(&self, object: ObjectReference, kind: EventType, reason: &str, message: String) {
        let mut message = message;
        if message.len() > MESSAGE_BYTES_MAX {
            let end = (0..=MESSAGE_BYTES_MAX)
                .rev()
                .find(|at| message.is_char_boundary(*at));
            message.truncate(end.unwrap_or(0));
        }
        let occurrence = Occurrence {
            object,
            kind,
            reason: reason.to_owned(),
            message,
            at: self.clock.now(),
        };
        if self.sender.try_send(occurrence).is_err() {
            tracing::debug!(reason, "an event was dropped: too many wait");
        }
    }
}

struct Writer {
    client: Client,
    source: EventSource,
    correlator: Correlator,
}

impl Writer {
    async fn run(mut self, mut receiver: mpsc::Receiver<Occurrence>) {
        while let Some(occurrence) = receiver.recv().await {
            let namespace = occurrence.object.namespace.clone();
            let namespace = namespace
                .filter(|n| !n.is_empty())
                .unwrap_or_else(|| "default".into());
            let verdict = self.correlator.judge(&occurrence);
            let written = match verdict {
                Verdict::Drop => continue,
                Verdict::Count { name, count } => {
                    self.count(&namespace, &name, count, &occurrence).await
                }
                Verdict::Write {
                    name,
                    message,
                    count,
                } => {
                    self.create(&namespace, (name, message, count), &occurrence)
                        .await
                }
            };
            if let Err(error) = written {
                let error = anyhow::Error::from(error);
                tracing::debug!(error = %format_args!("{error:#}"), "could not write an event");
            }
        }
    }

    async fn count(
        &self,
        namespace: &str,
        name: &str,
        count: i32,
        occurrence: &Occurrence,
    ) -> Result<(), crate::Error> {
        let patch = json!({ "count": count, "lastTimestamp": Time(occurrence.at) });
        let patched = self
            .client
            .merge_patch::<Event>(namespace, name, &patch)
            .await;
        match patched {
            Ok(_) => Ok(()),
            // Events live an hour; this one is told again from the start.
            Err(error) if error.is_not_found() => {
                let again = (name.to_owned(), occurrence.message.clone(), count);
                self.create(namespace, again, occurrence).await
            }
            Err(error) => Err(error),
        }
    }

    async fn create(
        &self,
        namespace: &str,
        (name, message, count): (String, String, i32),
        occurrence: &Occurrence,
    ) -> Result<(), crate::Error> {
        let kind = match occurrence.kind {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        let event = Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: occurrence.object.clone(),
            reason: Some(occurrence.reason.clone()),
            message: Some(message),
            type_: Some(kind.to_owned()),
            count: Some(count),
            first_timestamp: Some(Time(occurrence.at)),
            last_timestamp: Some(Time(occurrence.at)),
            source: Some(self.source.clone()),
            reporting_component: self.source.component.clone(),
            reporting_instance: Some(self.source.host.clone().unwrap_or_default()),
            ..Event::default()
        };
        self.client.create(&event).await.map(|_| ())
    }
}
