//! Keeps a store equal to a collection: list, watch from there, and list again when history is lost.
//!
//! The list is streamed by the watch itself (`sendInitialEvents`) where the server can, and paged
//! where it cannot. A stream that ends is continued from the last resource version; a version that
//! is too old (410) means a new list, and objects that are missing in it have been deleted. So
//! there is never a gap.

mod decode;

use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt as _};
use http::Request;
use rand::Rng as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use styr_base::{Backoff, Outage, SharedClock};

use crate::store::Store;
use crate::{Address, Client, Error, Object, Scope};
use decode::decode;

/// The server is asked to end a watch after a random time between once and twice this, as upstream
/// does, so that watches spread over servers again.
const WATCH_SECONDS_MIN: u64 = 300;
/// A stream that is silent for this much longer than it was to live is dead.
const SILENCE_GRACE: Duration = Duration::from_secs(30);
/// A server that is just starting answers soon: upstream's 800 ms would be lost at every start of
/// a cluster. Doubling reaches them with the sixth failure, and ends where upstream's does.
const BACKOFF_INITIAL: Duration = Duration::from_millis(25);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A watch that ends within this time without an event has failed.
const SHORT: Duration = Duration::from_secs(1);
/// Objects in one page of a list.
const PAGE: usize = 500;
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

pub(crate) struct Reflector<K> {
    client: Client,
    clock: SharedClock,
    address: Address,
    scope: Scope,
    store: Arc<Store<K>>,
    can_stream_lists: bool,
    version: Option<String>,
}

enum End {
    /// Continue from the last version.
    Resume,
    /// History is lost.
    Expired,
    /// The server cannot stream lists.
    NoStreaming,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(bound = "K: Object")]
struct Page<K> {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(default = "Option::default")]
    items: Option<Vec<K>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMetadata {
    resource_version: String,
    r#continue: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bookmark {
    metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
}

impl<K: Object> Reflector<K> {
    pub(crate) fn new(
        client: Client,
        clock: SharedClock,
        (address, scope): (Address, Scope),
        store: Arc<Store<K>>,
    ) -> Self {
        Self {
            client,
            clock,
            address,
            scope,
            store,
            can_stream_lists: true,
            version: None,
        }
    }

    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(BACKOFF_INITIAL, BACKOFF_MAX).with_jitter(1.0);
        let mut outage = Outage::default();
        loop {
            match self.step().await {
                Ok(End::Resume) => {
                    backoff.reset();
                    outage.ended();
                }
                Ok(End::NoStreaming) => self.can_stream_lists = false,
                Ok(End::Expired) => self.version = None,
                Err(error) => {
                    let path = self.address.collection(&self.scope.namespace);
                    let attempt = format!("could not list or watch {path}");
                    let now = self.clock.monotonic();
                    outage.failed(now, &attempt, &format_args!("{error:#}"));
                    self.clock.sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    async fn step(&mut self) -> anyhow::Result<End> {
        if self.version.is_none() && !self.can_stream_lists {
            self.list().await?;
        }
        let outcome = self.watch().await;
        match outcome {
            Err(error) => match error.downcast_ref::<Error>() {
                Some(known) if known.is_expired() => Ok(End::Expired),
                // A server that does not know the parameter refuses it as invalid.
                Some(known)
                    if self.version.is_none()
                        && matches!(known.code(), Some(400 | 422 | 405 | 501)) =>
                {
                    Ok(End::NoStreaming)
                }
                _ => Err(error),
            },
            Ok(end) => Ok(end),
        }
    }

    async fn list(&mut self) -> anyhow::Result<()> {
        let mut objects = Vec::new();
        let mut token = String::new();
        loop {
            let mut query = self.selectors();
            query.push(("limit", PAGE.to_string()));
            if !token.is_empty() {
                query.push(("continue", token.clone()));
            }
            let path = self.path(&query);
            let request = self.request(&path, "PartialObjectMetadataList")?;
            let page: Page<K> = match self.client.kube().request_text(request).await {
                Ok(text) => decode(&text)?,
                Err(kube::Error::Api(status)) if status.code == 410 && !token.is_empty() => {
                    // The rest of an old list is gone; begin again.
                    objects.clear();
                    token.clear();
                    continue;
                }
                Err(error) => return Err(Error::new(format!("list {path}"), error).into()),
            };
            objects.extend(page.items.unwrap_or_default().into_iter().map(trim));
            token = page.metadata.r#continue;
            if token.is_empty() {
                self.store.replace(objects);
                self.version = Some(page.metadata.resource_version);
                return Ok(());
            }
        }
    }

    /// Watches until the stream ends; with the initial list in it if there is no version yet.
    async fn watch(&mut self) -> anyhow::Result<End> {
        let seconds = rand::rng().random_range(WATCH_SECONDS_MIN..2 * WATCH_SECONDS_MIN);
        let mut query = self.selectors();
        query.push(("watch", "true".to_owned()));
        query.push(("allowWatchBookmarks", "true".to_owned()));
        query.push(("timeoutSeconds", seconds.to_string()));
        match &self.version {
            Some(version) => query.push(("resourceVersion", version.clone())),
            None => {
                query.push(("sendInitialEvents", "true".to_owned()));
                query.push(("resourceVersionMatch", "NotOlderThan".to_owned()));
            }
        }
        let path = self.path(&query);
        let request = self.request(&path, "PartialObjectMetadata")?;
        let opened = self.client.kube().request_stream(request).await;
        let stream = opened.map_err(|error| Error::new(format!("watch {path}"), error))?;
        let silence_max = Duration::from_secs(seconds) + SILENCE_GRACE;
        let began = self.clock.monotonic();
        let end = self.frames(std::pin::pin!(stream), silence_max).await?;
        let lasted = self.clock.monotonic().saturating_sub(began);
        match end {
            // Trying again at once would go round as fast as the server refuses.
            (End::Resume, 0) if lasted < SHORT => anyhow::bail!("watch {path} ended at once"),
            (end, _) => Ok(end),
        }
    }

    /// Reads a watch to its end; answers also how many events came.
    async fn frames(
        &mut self,
        mut stream: impl AsyncBufRead + Unpin,
        silence_max: Duration,
    ) -> anyhow::Result<(End, u64)> {
        let mut initial = self.version.is_none().then(Vec::new);
        let mut count = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = tokio::select! {
                read = stream.read_until(b'\n', &mut line) => read,
                () = self.clock.sleep(silence_max) => return Ok((End::Resume, count)),
            };
            // A connection that breaks within a frame is continued from the frame before.
            match read {
                Ok(_) if line.ends_with(b"\n") => {}
                Ok(_) => return Ok((End::Resume, count)),
                Err(error) => {
                    tracing::debug!(%error, "watch broke");
                    return Ok((End::Resume, count));
                }
            }
            if let Some(end) = self.frame(&line, &mut initial)? {
                return Ok((end, count));
            }
            count += 1;
        }
    }

    fn frame(
        &mut self,
        line: &[u8],
        initial: &mut Option<Vec<Arc<K>>>,
    ) -> anyhow::Result<Option<End>> {
        let frame: Frame<'_> = serde_json::from_slice(line)?;
        let text = frame.object.get();
        match frame.kind {
            "ADDED" | "MODIFIED" | "DELETED" => {
                let object = trim(decode::<K>(text)?);
                let version = object.metadata().resource_version.clone();
                match (initial.as_mut(), frame.kind) {
                    (Some(initial), _) => {
                        initial.push(object);
                        return Ok(None);
                    }
                    (None, "DELETED") => self.store.remove(object),
                    (None, _) => self.store.apply(&object),
                }
                self.version = version;
            }
            "BOOKMARK" => {
                let bookmark: Bookmark = serde_json::from_str(text)?;
                let annotations = bookmark.metadata.annotations.unwrap_or_default();
                if initial.is_none() {
                    self.version = bookmark.metadata.resource_version;
                } else if annotations.contains_key(INITIAL_EVENTS_END) {
                    self.store.replace(initial.take().unwrap_or_default());
                    self.version = bookmark.metadata.resource_version;
                }
            }
            "ERROR" => {
                let status: kube::core::Status = serde_json::from_str(text)?;
                if status.code == 410 {
                    return Ok(Some(End::Expired));
                }
                let error = kube::Error::Api(status.boxed());
                return Err(Error::new("continue a watch", error).into());
            }
            other => anyhow::bail!("a watch sent an event of unknown type {other:?}"),
        }
        Ok(None)
    }

    fn selectors(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("fieldSelector", &self.scope.fields),
            ("labelSelector", &self.scope.labels),
        ];
        pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, value.clone()))
            .collect()
    }

    fn path(&self, query: &[(&'static str, String)]) -> String {
        let pairs: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        let collection = self.address.collection(&self.scope.namespace);
        format!("{collection}?{}", pairs.join("&"))
    }

    fn request(&self, path: &str, metadata_form: &str) -> http::Result<Request<Vec<u8>>> {
        let metadata_only = K::KIND == <crate::Metadata as k8s_openapi::Resource>::KIND;
        let accept = if metadata_only {
            format!("application/json;as={metadata_form};g=meta.k8s.io;v=v1,application/json")
        } else {
            "application/json".to_owned()
        };
        Request::get(path)
            .header("accept", accept)
            .header("accept-encoding", "identity")
            .body(Vec::new())
    }
}

/// Nobody reads who wrote which field; it is often half of an object. Of an object that is known by
/// its metadata only, annotations are the other half.
fn trim<K: Object>(mut object: K) -> Arc<K> {
    let metadata = object.metadata_mut();
    metadata.managed_fields = None;
    if K::KIND == <crate::Metadata as k8s_openapi::Resource>::KIND {
        metadata.annotations = None;
    }
    Arc::new(object)
}

/// Percent-encodes what may not stand in a query.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests;
