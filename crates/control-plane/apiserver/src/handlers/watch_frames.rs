//! Events as they go over the wire: one JSON document a line, or length-prefixed protobuf.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use styr_meta::Status;
use styr_schema::envelope;
use styr_store::Revision;

use super::Scope;
use crate::negotiation::{Encoding, Form, View};
use crate::query::Query;
use crate::registry::{Entry, api_version};
use crate::response::{self, varint};
use crate::table::{Headers, IncludeObject};

/// Upstream's annotation of the bookmark that ends the initial events.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// Gathers events of one watcher.
pub(super) struct Frames {
    scope: Scope,
    form: Form,
    include: IncludeObject,
    headers: Headers,
    buffer: Vec<u8>,
}

impl Frames {
    pub(super) fn new(scope: &Scope, form: Form, query: &Query) -> Self {
        Self {
            scope: scope.clone(),
            form,
            include: IncludeObject::of(query),
            headers: Headers::Written,
            buffer: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// What has been gathered, if anything.
    pub(super) fn take(&mut self) -> Option<Bytes> {
        (!self.buffer.is_empty()).then(|| Bytes::from(std::mem::take(&mut self.buffer)))
    }

    pub(super) fn event(&mut self, kind: &str, entry: &Entry, now: Timestamp) {
        let is_plain = self.form.view == View::Whole && self.scope.is_stored_version();
        if self.form.encoding == Encoding::Json && is_plain {
            self.open(kind);
            entry.write_json(&mut self.buffer);
            self.close();
            return;
        }
        if self.form.encoding == Encoding::Protobuf && is_plain {
            let message = entry.protobuf(&self.scope.registry.kind);
            let (version, name) = (api_version(&self.scope.kind), &self.scope.kind.kind);
            let mut head = Vec::with_capacity(64);
            envelope::open(&version, name, message.len(), &mut head);
            self.protobuf_frame(kind, &[&head, &message, envelope::CLOSE]);
            return;
        }
        let mut object = Vec::new();
        let view = response::viewed(&self.scope, entry, self.form.view, (self.include, now));
        let mut view = view;
        if matches!(self.form.view, View::Table(_)) {
            self.headers.apply(&mut view);
        }
        response::encode(
            &self.scope,
            &view,
            Form {
                pretty: false,
                ..self.form
            },
            &mut object,
        );
        self.frame(kind, &object);
    }

    /// Tells how far the client is.
    pub(super) fn bookmark(&mut self, revision: Revision, ends_initial: bool) {
        let kind = &self.scope.kind;
        let mut object = json!({
            "kind": kind.kind,
            "apiVersion": api_version(kind),
            "metadata": { "resourceVersion": revision.to_string() },
        });
        if ends_initial {
            object["metadata"]["annotations"] = json!({ INITIAL_EVENTS_END: "true" });
        }
        if let View::Metadata(version) = self.form.view {
            object["kind"] = "PartialObjectMetadata".into();
            object["apiVersion"] = version.api_version().into();
        } else if let View::Table(version) = self.form.view {
            object = crate::table::empty(version, revision, &object);
        }
        let mut out = Vec::new();
        let form = Form {
            pretty: false,
            ..self.form
        };
        response::encode(&self.scope, &object, form, &mut out);
        self.frame("BOOKMARK", &out);
    }

    pub(super) fn error(&mut self, error: &Status) {
        let mut out = Vec::new();
        let form = Form {
            view: View::Whole,
            pretty: false,
            ..self.form
        };
        response::encode_status(error, form, &mut out);
        self.frame("ERROR", &out);
    }

    fn frame(&mut self, kind: &str, object: &[u8]) {
        if self.form.encoding == Encoding::Protobuf {
            self.protobuf_frame(kind, &[object]);
        } else {
            self.open(kind);
            self.buffer.extend_from_slice(object.trim_ascii_end());
            self.close();
        }
    }

    fn open(&mut self, kind: &str) {
        self.buffer.extend_from_slice(b"{\"type\":\"");
        self.buffer.extend_from_slice(kind.as_bytes());
        self.buffer.extend_from_slice(b"\",\"object\":");
    }

    fn close(&mut self) {
        self.buffer.extend_from_slice(b"}\n");
    }

    /// `WatchEvent { type = 1, object = 2: RawExtension { raw = 1 } }` behind its length. The
    /// object comes in parts, each of which is copied once.
    fn protobuf_frame(&mut self, kind: &str, object: &[&[u8]]) {
        let len = object.iter().map(|part| part.len()).sum::<usize>();
        let raw = 1 + response::varint_len(len) + len;
        let whole = 2 + kind.len() + 1 + response::varint_len(raw) + raw;
        let out = &mut self.buffer;
        out.reserve(4 + whole);
        let length = u32::try_from(whole).expect("objects are a few MiB at most");
        out.extend_from_slice(&length.to_be_bytes());
        out.push(0x0a);
        varint(out, kind.len());
        out.extend_from_slice(kind.as_bytes());
        out.push(0x12);
        varint(out, raw);
        out.push(0x0a);
        varint(out, len);
        for part in object {
            out.extend_from_slice(part);
        }
    }
}
