//! Event, in its old and its new form; the old one is stored.

use serde_json::{Value, json};
use styr_meta::{FieldError, names, object};

use crate::rules::{Context, Rules};
use crate::{cells, tree};

/// `v1`.
pub(crate) struct Event;

/// `events.k8s.io/v1`.
pub(crate) struct NewEvent;

/// As long may the message of a new event be.
const NOTE_MAX: usize = 1024;

/// Fields that have another name in the new form: (old, new).
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

impl Rules for Event {
    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        if !tree::at(object, "eventTime").is_null() {
            return validate_new(object);
        }
        let namespace = object::namespace(object);
        let involved = tree::text(object, "involvedObject.namespace");
        let matches = if involved.is_empty() {
            namespace == "default"
        } else {
            involved == namespace
        };
        if matches {
            return Vec::new();
        }
        let text = "does not match event.namespace";
        vec![FieldError::invalid(
            "involvedObject.namespace",
            involved,
            text,
        )]
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        if field != "source" {
            return None;
        }
        let source = tree::text(object, "source.component");
        let controller = tree::text(object, "reportingComponent");
        Some(
            if source.is_empty() {
                controller
            } else {
                source
            }
            .to_owned(),
        )
    }

    fn cell(&self, column: &str, object: &Value, cx: &Context) -> Option<Value> {
        cell(column, object, cx)
    }
}

impl Rules for NewEvent {
    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn validate(&self, object: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = Event.validate(object, cx);
        let kind = tree::text(object, "type");
        if !matches!(kind, "Normal" | "Warning") {
            let text = format!("has invalid value: {kind}");
            errors.push(FieldError::invalid("type", "", text));
        }
        errors
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        Event.selectable(object, field)
    }

    fn cell(&self, column: &str, object: &Value, cx: &Context) -> Option<Value> {
        let mut old = object.clone();
        self.to_storage(&mut old);
        cell(column, &old, cx)
    }

    fn to_storage(&self, object: &mut Value) {
        rename(object, RENAMED.iter().map(|(old, new)| (*new, *old)));
    }

    fn from_storage(&self, object: &mut Value) {
        rename(object, RENAMED.iter().copied());
    }
}

/// Events with a time to the microsecond say who reports them, and what was done.
fn validate_new(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let namespace = object::namespace(object);
    if tree::text(object, "involvedObject.namespace").is_empty()
        && !matches!(namespace, "default" | "kube-system")
    {
        let text = "does not match event.namespace";
        errors.push(FieldError::invalid("involvedObject.namespace", "", text));
    }
    let controller = tree::text(object, "reportingComponent");
    if controller.is_empty() {
        errors.push(FieldError::required("reportingController", ""));
    }
    for text in names::qualified_name(controller) {
        errors.push(FieldError::invalid("reportingController", controller, text));
    }
    for (field, max) in [("reportingInstance", 128), ("action", 128), ("reason", 128)] {
        let length = tree::text(object, field).len();
        if length == 0 {
            errors.push(FieldError::required(field, ""));
        } else if length > max {
            let text = format!("can have at most {max} characters");
            errors.push(FieldError::invalid(field, "", text));
        }
    }
    if tree::text(object, "message").len() > NOTE_MAX {
        let text = format!("can have at most {NOTE_MAX} characters");
        errors.push(FieldError::invalid("message", "", text));
    }
    errors
}

fn rename<'a>(object: &mut Value, names: impl Iterator<Item = (&'a str, &'a str)>) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    for (from, to) in names {
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
}

fn cell(column: &str, event: &Value, cx: &Context) -> Option<Value> {
    let age = |time: &str| cells::age(time, cx.now);
    let text = |path: &str| tree::text(event, path);
    let first = match text("firstTimestamp") {
        "" => text("eventTime"),
        time => time,
    };
    let series = tree::at(event, "series");
    let cell = match column {
        "Last Seen" if !series.is_null() => json!(age(tree::text(series, "lastObservedTime"))),
        "Last Seen" => json!(age(if text("lastTimestamp").is_empty() {
            first
        } else {
            text("lastTimestamp")
        })),
        "First Seen" => json!(age(first)),
        "Count" if !series.is_null() => json!(tree::number(series, "count")),
        "Count" => json!(tree::number(event, "count").max(1)),
        "Type" => json!(text("type")),
        "Reason" => json!(text("reason")),
        "Object" => {
            let kind = text("involvedObject.kind").to_lowercase();
            let name = text("involvedObject.name");
            json!(if name.is_empty() {
                kind
            } else {
                format!("{kind}/{name}")
            })
        }
        "Subobject" => json!(text("involvedObject.fieldPath")),
        "Source" => json!(source(event)),
        "Message" => json!(text("message").trim()),
        _ => return None,
    };
    Some(cell)
}

fn source(event: &Value) -> String {
    let first = |a: &str, b: &str| match tree::text(event, a) {
        "" => tree::text(event, b).to_owned(),
        text => text.to_owned(),
    };
    let component = first("source.component", "reportingComponent");
    match first("source.host", "reportingInstance").as_str() {
        "" => component,
        host => format!("{component}, {host}"),
    }
}
