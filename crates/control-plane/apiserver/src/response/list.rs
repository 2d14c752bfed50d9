//! Lists: what all readers share is sent as it is, the rest is written while it is sent.

use std::vec;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use styr_meta::Status;
use styr_schema::envelope;

use super::{encode_shaped, media, partial, varint, viewed, with_body};
use crate::body::{Body, Response};
use crate::handlers::{Page, Scope};
use crate::negotiation::{Encoding, Form, View};
use crate::query::Query;
use crate::registry::api_version;
use crate::registry::chunk::{self, Run};
use crate::table::{self, IncludeObject};
use crate::{gzip, shapes};

/// Bytes of one piece of a streamed list, about.
const PIECE: usize = 128 << 10;
/// What is shared and longer than this is sent by itself; copying it would cost more.
const ALONE: usize = 8 << 10;

/// A list. JSON in the stored version is spliced together while it is sent.
pub(crate) fn list(
    scope: &Scope,
    page: Page,
    form: Form,
    (now, query, headers): (Timestamp, &Query, &HeaderMap),
) -> Result<Response, Status> {
    let is_plain = form.view == View::Whole && scope.is_stored_version() && !form.pretty;
    let mut answer = match form.encoding {
        Encoding::Json if is_plain => with_body(StatusCode::OK, json_list(scope, page)),
        Encoding::Protobuf if is_plain => with_body(StatusCode::OK, protobuf_list(scope, &page)),
        _ => {
            let tree = list_tree(scope, &page, form.view, (IncludeObject::of(query), now));
            let mut out = Vec::new();
            let shape = match form.view {
                View::Whole => shapes::list_of(&scope.kind),
                View::Table(_) => shapes::meta("Table"),
                View::Metadata(_) => shapes::meta("PartialObjectMetadataList"),
            };
            encode_shaped(&shape, &tree, form, &mut out);
            with_body(StatusCode::OK, Body::full(out))
        }
    };
    let media = HeaderValue::from_static(media(form.encoding));
    answer.headers_mut().insert(CONTENT_TYPE, media);
    Ok(gzip::compress_large(answer, headers))
}

fn list_meta(page: &Page) -> Value {
    let mut metadata = json!({ "resourceVersion": page.revision.to_string() });
    if !page.next.is_empty() {
        metadata["continue"] = page.next.clone().into();
    }
    if let Some(remaining) = page.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    metadata
}

/// `metadata` of a list in the order of upstream's struct.
fn list_meta_json(page: &Page) -> String {
    let mut text = format!("{{\"resourceVersion\":\"{}\"", page.revision);
    if !page.next.is_empty() {
        text.push_str(&format!(",\"continue\":\"{}\"", page.next));
    }
    if let Some(remaining) = page.remaining {
        text.push_str(&format!(",\"remainingItemCount\":{remaining}"));
    }
    text.push('}');
    text
}

fn json_list(scope: &Scope, page: Page) -> Body {
    let head = format!(
        "{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{},\"items\":[",
        scope.kind.list_kind,
        api_version(&scope.kind),
        list_meta_json(&page)
    );
    let size: usize = page.runs.iter().map(Run::json_len).sum();
    let pieces = JsonPieces {
        buffer: head.into_bytes(),
        runs: page.runs.into_iter(),
        current: None,
        shared: None,
        is_first: true,
        is_over: false,
    };
    if size > PIECE {
        return Body::stream(futures::stream::iter(pieces));
    }
    let whole: Vec<Bytes> = pieces.collect();
    Body::full(whole.concat())
}

/// A list in JSON, piece by piece.
struct JsonPieces {
    buffer: Vec<u8>,
    runs: vec::IntoIter<Run>,
    /// A run that is not shared, and how much of it is written.
    current: Option<(Run, usize)>,
    /// Follows what is in the buffer.
    shared: Option<Bytes>,
    is_first: bool,
    is_over: bool,
}

impl Iterator for JsonPieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        while self.buffer.len() < PIECE && self.shared.is_none() && !self.is_over {
            self.advance();
        }
        if !self.buffer.is_empty() {
            return Some(Bytes::from(std::mem::take(&mut self.buffer)));
        }
        self.shared.take()
    }
}

impl JsonPieces {
    fn advance(&mut self) {
        if let Some((run, at)) = self.current.take() {
            self.item(run, at);
            return;
        }
        let Some(run) = self.runs.next() else {
            self.buffer.extend_from_slice(b"]}\n");
            self.is_over = true;
            return;
        };
        match run.shared_json() {
            None => self.current = Some((run, 0)),
            Some(items) => {
                self.separate();
                if items.len() < ALONE {
                    self.buffer.extend_from_slice(&items);
                } else {
                    self.shared = Some(items);
                }
            }
        }
    }

    fn item(&mut self, run: Run, at: usize) {
        if let Some(entry) = run.entries().get(at) {
            self.separate();
            entry.write_item(&mut self.buffer);
            self.current = Some((run, at + 1));
        }
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.buffer.push(b',');
        }
    }
}

/// `PodList { metadata = 1, items = 2 }` within the envelope, all lengths known beforehand.
fn protobuf_list(scope: &Scope, page: &Page) -> Body {
    let mut metadata = Vec::new();
    shapes::meta("ListMeta").encode_protobuf(&list_meta(page), &mut metadata);
    let mut start = vec![0x0a];
    varint(&mut start, metadata.len());
    start.append(&mut metadata);
    let items = protobuf_items(scope, page);
    let len = start.len() + items.iter().map(Bytes::len).sum::<usize>();
    let mut head = Vec::with_capacity(start.len() + 64);
    let (version, kind) = (api_version(&scope.kind), &scope.kind.list_kind);
    envelope::open(&version, kind, len, &mut head);
    head.append(&mut start);
    let tail = Bytes::from_static(envelope::CLOSE);
    let pieces = [Bytes::from(head)].into_iter().chain(items).chain([tail]);
    if len > PIECE {
        return Body::stream(futures::stream::iter(pieces));
    }
    Body::full(pieces.collect::<Vec<_>>().concat())
}

fn protobuf_items(scope: &Scope, page: &Page) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut buffer = Vec::new();
    for run in &page.runs {
        match run.shared_protobuf(&scope.kind) {
            Some(items) if items.len() >= ALONE => {
                pieces.push(Bytes::from(std::mem::take(&mut buffer)));
                pieces.push(items);
            }
            Some(items) => buffer.extend_from_slice(&items),
            None => {
                for entry in run.entries() {
                    chunk::write_item(&entry.protobuf(&scope.kind), &mut buffer);
                }
            }
        }
    }
    pieces.push(Bytes::from(buffer));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn list_tree(
    scope: &Scope,
    page: &Page,
    view: View,
    (include, now): (IncludeObject, Timestamp),
) -> Value {
    let items: Vec<Value> = page
        .entries()
        .map(|entry| viewed(scope, entry, View::Whole, (include, now)))
        .collect();
    match view {
        View::Table(version) => table::of(scope, items, (version, include, now), &list_meta(page)),
        View::Metadata(version) => json!({
            "kind": "PartialObjectMetadataList",
            "apiVersion": version.api_version(),
            "metadata": list_meta(page),
            "items": items.into_iter().map(|it| partial(it, version)).collect::<Vec<_>>(),
        }),
        View::Whole => {
            let bare = |mut item: Value| {
                let fields = item.as_object_mut().expect("an object");
                fields.remove("kind");
                fields.remove("apiVersion");
                item
            };
            json!({
                "kind": scope.kind.list_kind,
                "apiVersion": api_version(&scope.kind),
                "metadata": list_meta(page),
                "items": items.into_iter().map(bare).collect::<Vec<_>>(),
            })
        }
    }
}
