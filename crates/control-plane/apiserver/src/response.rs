//! Answers: stored bytes as they are where that is possible, encoded trees where it is not.

mod list;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, WARNING};
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use styr_meta::Status;
use styr_schema::envelope;

use crate::body::{Body, Response};
use crate::handlers::Scope;
use crate::negotiation::{self, Encoding, Form, MetaVersion, View};
use crate::query::Query;
use crate::registry::{Entry, api_version};
use crate::table::{self, IncludeObject};
use crate::{pretty, shapes};

pub(crate) use list::list;

/// An answer with the headers that all have.
pub(crate) fn with_body(code: StatusCode, body: Body) -> Response {
    let mut answer = http::Response::new(body);
    *answer.status_mut() = code;
    let value = HeaderValue::from_static("no-cache, private");
    answer.headers_mut().insert(CACHE_CONTROL, value);
    answer
}

fn typed(code: StatusCode, encoding: Encoding, bytes: Vec<u8>) -> Response {
    let mut answer = with_body(code, Body::full(bytes));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media(encoding)));
    answer
}

fn media(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => negotiation::JSON,
        Encoding::Yaml => negotiation::YAML,
        Encoding::Protobuf => negotiation::PROTOBUF,
    }
}

/// One object.
pub(crate) fn object(
    scope: &Scope,
    entry: &Entry,
    form: Form,
    (code, now, query): (StatusCode, Timestamp, &Query),
) -> Result<Response, Status> {
    let mut out = Vec::with_capacity(entry.json_len());
    if form.view == View::Whole && scope.is_stored_version() && form.encoding == Encoding::Json {
        entry.write_json(&mut out);
        if form.pretty {
            out = pretty::indent(&out);
        } else {
            out.push(b'\n');
        }
    } else if form.view == View::Whole
        && scope.is_stored_version()
        && form.encoding == Encoding::Protobuf
    {
        let message = entry.protobuf(&scope.kind);
        envelope::wrap(
            &api_version(&scope.kind),
            &scope.kind.kind,
            &message,
            &mut out,
        );
    } else {
        let view = viewed(scope, entry, form.view, (IncludeObject::of(query), now));
        encode(scope, &view, form, &mut out);
    }
    Ok(typed(code, form.encoding, out))
}

/// An entry in the version of the request, as the reader wants to see it.
pub(crate) fn viewed(
    scope: &Scope,
    entry: &Entry,
    view: View,
    (include, now): (IncludeObject, Timestamp),
) -> Value {
    let mut value = entry.value();
    if !scope.is_stored_version() {
        scope.kind.rules.from_storage(&mut value);
        value["kind"] = scope.kind.kind.clone().into();
        value["apiVersion"] = api_version(&scope.kind).into();
    }
    match view {
        View::Whole => value,
        View::Metadata(version) => partial(value, version),
        View::Table(version) => {
            let revision = entry.revision();
            table::of(
                scope,
                vec![value],
                (version, include, now),
                &json!({
                    "resourceVersion": revision.to_string(),
                }),
            )
        }
    }
}

/// The metadata alone.
pub(crate) fn partial(mut value: Value, version: MetaVersion) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": version.api_version(),
        "metadata": value["metadata"].take(),
    })
}

/// Encodes a tree of the scope's kind, or a view of it.
pub(crate) fn encode(scope: &Scope, value: &Value, form: Form, out: &mut Vec<u8>) {
    let kind = value["kind"].as_str().unwrap_or("");
    let shape = match form.view {
        View::Whole => scope.kind.shape.clone(),
        View::Table(_) => shapes::meta("Table"),
        View::Metadata(_) => shapes::meta(kind),
    };
    encode_shaped(&shape, value, form, out);
}

/// Encodes any tree by its shape; the tree says what it is.
pub(crate) fn encode_shaped(
    shape: &styr_schema::Shape,
    value: &Value,
    form: Form,
    out: &mut Vec<u8>,
) {
    let text = |field: &str| value[field].as_str().unwrap_or("");
    match form.encoding {
        Encoding::Json => {
            let mut json = Vec::new();
            shape.encode_json(value, &mut json);
            if form.pretty {
                out.extend_from_slice(&pretty::indent(&json));
            } else {
                out.append(&mut json);
                out.push(b'\n');
            }
        }
        Encoding::Yaml => {
            let mut json = Vec::new();
            shape.encode_json(value, &mut json);
            out.extend_from_slice(pretty::yaml(&json).as_bytes());
        }
        Encoding::Protobuf => {
            let mut message = Vec::new();
            shape.encode_protobuf(value, &mut message);
            envelope::wrap(text("apiVersion"), text("kind"), &message, out);
        }
    }
}

/// A document of a create-only kind, or another that is not stored.
pub(crate) fn document(
    shape: &styr_schema::Shape,
    value: &Value,
    form: Form,
    code: StatusCode,
) -> Response {
    let mut out = Vec::new();
    encode_shaped(shape, value, form, &mut out);
    typed(code, form.encoding, out)
}

/// Bytes of what [`varint`] appends.
pub(crate) fn varint_len(number: usize) -> usize {
    let bits = usize::BITS - (number | 1).leading_zeros();
    usize::try_from(bits.div_ceil(7)).expect("ten at most")
}

/// Appends a length as protobuf writes it.
pub(crate) fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
}

/// A Status that says that all went well.
pub(crate) fn success(details: &Value, code: StatusCode, form: Form) -> Response {
    let value = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    });
    let form = Form {
        view: View::Whole,
        ..form
    };
    document(&shapes::meta("Status"), &value, form, code)
}

/// A refusal.
pub(crate) fn refused(status: &Status, form: Form) -> Response {
    let mut out = Vec::new();
    encode_status(status, form, &mut out);
    let code = crate::status::code(status);
    let mut answer = typed(code, form.encoding, out);
    if let Some(seconds) = crate::status::retry_after(status) {
        answer
            .headers_mut()
            .insert(http::header::RETRY_AFTER, seconds.into());
    }
    answer
}

pub(crate) fn encode_status(status: &Status, form: Form, out: &mut Vec<u8>) {
    let value = crate::status::tree(status);
    encode_shaped(&shapes::meta("Status"), &value, form, out);
}

/// Adds `Warning` headers.
pub(crate) fn with_warnings(mut answer: Response, warnings: &[String]) -> Response {
    for warning in warnings {
        let quoted = warning
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', " ");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            answer.headers_mut().append(WARNING, value);
        }
    }
    answer
}

/// Plain text.
pub(crate) fn text(code: StatusCode, text: impl Into<Bytes>) -> Response {
    let mut answer = with_body(code, Body::full(text));
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    answer
}

/// A JSON document that is there already.
pub(crate) fn json_bytes(code: StatusCode, json: impl Into<Bytes>) -> Response {
    let mut answer = with_body(code, Body::full(json));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(negotiation::JSON));
    answer
}
