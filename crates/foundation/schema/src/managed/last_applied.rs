//! The way from `kubectl apply` on the client to that on the server, and back.
//!
//! Applying on the client leaves its configuration in an annotation. The same kubectl may take on
//! the server what it applied that way, and the annotation is kept up to date for older ones.

use serde_json::{Map, Value};

use super::check::{Duplicates, check};
use super::collect;
use super::compare::{self, Unset};
use super::context::Context;
use super::field_set::FieldSet;
use super::nulls::with_nulls;
use crate::encode;

/// The manager's name that stands for kubectl's server-side apply.
pub(super) const KUBECTL: &str = "kubectl";
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The largest size of all annotations together.
const ANNOTATIONS_BYTES_MAX: usize = 256 << 10;

/// What the annotation says was applied and still stands; nothing if there is no such annotation.
pub(super) fn owned(context: &Context<'_>, live: &Value) -> Option<FieldSet> {
    let text = annotation(live)?;
    check(context.shape, live, Duplicates::Refused).ok()?;
    let applied: Value = serde_json::from_str(text).ok()?;
    if applied.get("apiVersion").and_then(Value::as_str) != Some(context.api_version) {
        return None;
    }
    check(context.shape, &applied, Duplicates::Refused).ok()?;
    let live = with_nulls(context.shape, live);
    let found = compare::compare(context.shape, &applied, (&live, Unset::Nothing)).ok()?;
    let set = collect::field_set(context.shape, &applied);
    let set = set.difference(&found.modified).difference(&found.added);
    Some(set.difference(&found.removed))
}

fn annotation(object: &Value) -> Option<&str> {
    let annotations = object.get("metadata")?.get("annotations")?;
    let text = annotations.get(ANNOTATION)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

/// Writes what was applied into the annotation, if the object has it.
pub(super) fn refresh(object: &mut Value, configuration: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let text = configuration_text(configuration);
    let annotations = object.pointer_mut("/metadata/annotations");
    if let Some(Value::Object(annotations)) = annotations {
        annotations.insert(ANNOTATION.to_owned(), Value::String(text));
        if bytes(annotations) > ANNOTATIONS_BYTES_MAX {
            annotations.remove(ANNOTATION);
        }
    }
}

fn bytes(annotations: &Map<String, Value>) -> usize {
    let of = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    annotations.iter().map(of).sum()
}

/// A configuration without the annotation, as Go's encoder writes it, with its end of line.
fn configuration_text(configuration: &Value) -> String {
    let mut plain = configuration.clone();
    if let Some(Value::Object(annotations)) = plain.pointer_mut("/metadata/annotations") {
        annotations.remove(ANNOTATION);
    }
    let mut out = Vec::new();
    encode::any(&plain, &mut out);
    out.push(b'\n');
    String::from_utf8(out).expect("the encoder writes texts")
}
