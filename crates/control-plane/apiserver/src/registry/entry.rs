//! One stored object as the cache keeps it: its canonical JSON without resourceVersion, the
//! revision, and what selectors need, found on first use.
//!
//! A reader is sent prefix, revision, suffix; nothing is decoded for a get, a list or a watch.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::Value;
use styr_api::Kind;
use styr_store::Revision;

use super::layout::Layout;
use super::selection::stored_name;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// Bytes of protobuf forms that are kept beside entries, all together; beyond that they are made
/// anew for each reader.
const PROTOBUF_KEPT_MAX: usize = 128 << 20;

static PROTOBUF_KEPT: AtomicUsize = AtomicUsize::new(0);

/// An object at a revision. Immutable.
#[derive(Debug)]
pub struct Entry {
    /// `namespace/name`, or `name` for resources of the cluster.
    key: Box<str>,
    json: Bytes,
    layout: Layout,
    revision: Revision,
    labels: OnceLock<Labels>,
    fields: OnceLock<BTreeMap<String, String>>,
    protobuf: OnceLock<Bytes>,
}

/// Why a stored value cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("could not read the stored object {key}: {reason}")]
pub struct Malformed {
    pub key: String,
    pub reason: String,
}

impl Entry {
    /// `None` if `json` is not canonical.
    pub(crate) fn new(key: &str, json: Bytes, revision: Revision) -> Option<Self> {
        let layout = Layout::of(&json)?;
        Some(Self {
            key: key.into(),
            json,
            layout,
            revision,
            labels: OnceLock::new(),
            fields: OnceLock::new(),
            protobuf: OnceLock::new(),
        })
    }

    /// The same object at another revision: how a deletion tells what was deleted.
    pub(crate) fn at_revision(&self, revision: Revision) -> Self {
        Self {
            key: self.key.clone(),
            json: self.json.clone(),
            layout: self.layout,
            revision,
            labels: self.labels.clone(),
            fields: self.fields.clone(),
            protobuf: OnceLock::new(),
        }
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// Empty for resources of the cluster.
    pub fn namespace(&self) -> &str {
        self.key
            .split_once('/')
            .map_or("", |(namespace, _)| namespace)
    }

    pub fn name(&self) -> &str {
        self.key.split_once('/').map_or(&self.key, |(_, name)| name)
    }

    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// As it is stored.
    pub fn stored(&self) -> &Bytes {
        &self.json
    }

    /// Appends the object with its resourceVersion.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        self.write_from(0, out);
    }

    /// Appends the object as an item of a list, which has neither kind nor apiVersion.
    pub fn write_item(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        self.write_from(self.layout.body, out);
    }

    fn write_from(&self, start: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.json[start..self.layout.splice]);
        // What a dry run has made is at no revision.
        if self.revision > 0 {
            out.extend_from_slice(b",\"resourceVersion\":\"");
            let mut digits = itoa(self.revision);
            out.append(&mut digits);
            out.push(b'"');
        }
        out.extend_from_slice(&self.json[self.layout.splice..]);
    }

    /// About as long as [`Entry::write_json`] makes it.
    pub fn json_len(&self) -> usize {
        self.json.len() + 40
    }

    /// The object as a tree, with its resourceVersion.
    pub fn value(&self) -> Value {
        let mut value: Value =
            serde_json::from_slice(&self.json).expect("checked when it was stored or loaded");
        if self.revision > 0 {
            value["metadata"]["resourceVersion"] = Value::String(self.revision.to_string());
        }
        value
    }

    pub fn labels(&self) -> &Labels {
        self.labels.get_or_init(|| {
            #[derive(serde::Deserialize)]
            struct Object {
                metadata: Metadata,
            }
            #[derive(serde::Deserialize)]
            struct Metadata {
                #[serde(default)]
                labels: Labels,
            }
            serde_json::from_slice::<Object>(&self.json)
                .map(|object| object.metadata.labels)
                .unwrap_or_default()
        })
    }

    /// The fields that field selectors of this kind can name.
    pub fn fields(&self, kind: &Kind) -> &BTreeMap<String, String> {
        self.fields.get_or_init(|| {
            let value = self.value();
            kind.field_selectors
                .iter()
                .map(|field| {
                    let field = stored_name(kind, field);
                    let text = kind.rules.selectable(&value, field).unwrap_or_default();
                    (field.to_owned(), text)
                })
                .collect()
        })
    }

    /// The object's protobuf message, without the envelope; kept while there is room.
    pub fn protobuf(&self, kind: &Kind) -> Bytes {
        if let Some(made) = self.protobuf.get() {
            return made.clone();
        }
        let made = self.protobuf_once(kind);
        if PROTOBUF_KEPT.load(Ordering::Relaxed) + made.len() <= PROTOBUF_KEPT_MAX
            && self.protobuf.set(made.clone()).is_ok()
        {
            PROTOBUF_KEPT.fetch_add(made.len(), Ordering::Relaxed);
        }
        made
    }

    /// The same for a reader who keeps it elsewhere.
    pub(crate) fn protobuf_once(&self, kind: &Kind) -> Bytes {
        if let Some(made) = self.protobuf.get() {
            return made.clone();
        }
        let mut out = Vec::with_capacity(self.json.len());
        kind.shape.encode_protobuf(&self.value(), &mut out);
        Bytes::from(out)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(made) = self.protobuf.get() {
            PROTOBUF_KEPT.fetch_sub(made.len(), Ordering::Relaxed);
        }
    }
}

fn itoa(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}
