//! Tables: what `kubectl get` prints, made by the server.

use jiff::Timestamp;
use serde_json::{Value, json};
use styr_api::{Column, Context};
use styr_store::Revision;

use crate::handlers::Scope;
use crate::negotiation::MetaVersion;
use crate::query::Query;
use crate::response;

/// How much of each object stands beside its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IncludeObject {
    None,
    Metadata,
    Object,
}

impl IncludeObject {
    pub(crate) fn of(query: &Query) -> Self {
        match query.text("includeObject") {
            "None" => Self::None,
            "Object" => Self::Object,
            _ => Self::Metadata,
        }
    }
}

/// Whether a watcher still needs the columns: only its first table has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Headers {
    Written,
    Left,
}

impl Headers {
    /// Leaves the columns out of all tables but the first.
    pub(crate) fn apply(&mut self, table: &mut Value) {
        if *self == Self::Left {
            table["columnDefinitions"] = Value::Null;
        }
        *self = Self::Left;
    }
}

/// A table of objects, given in the version of the request.
pub(crate) fn of(
    scope: &Scope,
    mut objects: Vec<Value>,
    (version, include, now): (MetaVersion, IncludeObject, Timestamp),
    metadata: &Value,
) -> Value {
    let columns: Vec<Value> = scope.kind.columns.iter().map(definition).collect();
    let context = Context { now };
    scope.kind.rules.arrange(&mut objects);
    let rows: Vec<Value> = objects
        .into_iter()
        .map(|object| row(scope, object, (version, include), &context))
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": version.api_version(),
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

/// A table without columns that carries a bookmark.
pub(crate) fn empty(version: MetaVersion, revision: Revision, object: &Value) -> Value {
    json!({
        "kind": "Table",
        "apiVersion": version.api_version(),
        "metadata": { "resourceVersion": revision.to_string() },
        "columnDefinitions": null,
        "rows": [{ "cells": [], "object": object }],
    })
}

/// Columns of documents that are not stored: name, type and format.
pub(crate) type Headings = [(&'static str, &'static str, &'static str)];

/// A table of such documents; each row is its cells and the document.
pub(crate) fn of_documents(
    headings: &Headings,
    rows: Vec<(Value, Value)>,
    (version, include): (MetaVersion, IncludeObject),
    metadata: &Value,
) -> Value {
    let column = |(name, kind, format): &(&str, &str, &str)| {
        definition(&Column {
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
            format: (*format).to_owned(),
            priority: 0,
            path: String::new(),
        })
    };
    let columns: Vec<Value> = headings.iter().map(column).collect();
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|(cells, object)| with_object(json!({ "cells": cells }), object, (version, include)))
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": version.api_version(),
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

fn definition(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.kind,
        "format": column.format,
        "description": column.description(),
        "priority": column.priority,
    })
}

fn row(
    scope: &Scope,
    object: Value,
    (version, include): (MetaVersion, IncludeObject),
    context: &Context,
) -> Value {
    let cells = scope
        .kind
        .rules
        .cells(&object, context)
        .unwrap_or_else(|| cells_by_path(&scope.kind.columns, &object, context.now));
    with_object(json!({ "cells": cells }), object, (version, include))
}

fn with_object(
    mut row: Value,
    object: Value,
    (version, include): (MetaVersion, IncludeObject),
) -> Value {
    match include {
        IncludeObject::None => {}
        IncludeObject::Metadata => row["object"] = response::partial(object, version),
        IncludeObject::Object => row["object"] = object,
    }
    row
}

fn cells_by_path(columns: &[Column], object: &Value, now: Timestamp) -> Vec<Value> {
    columns
        .iter()
        .map(|column| {
            let found = find(object, &column.path);
            if column.path.ends_with("Timestamp") {
                return Value::String(age(found.as_str().unwrap_or(""), now));
            }
            match (column.kind.as_str(), found) {
                ("integer" | "number", Value::Null) => json!(0),
                (_, Value::Null) => json!(""),
                ("string", Value::String(text)) => json!(text),
                ("string", other) => json!(other.to_string()),
                (_, other) => other.clone(),
            }
        })
        .collect()
}

fn find<'a>(object: &'a Value, path: &str) -> &'a Value {
    let mut at = object;
    for field in path.split('.').filter(|field| !field.is_empty()) {
        at = &at[field];
    }
    at
}

/// How long ago, in at most two units.
pub(crate) fn age(since: &str, now: Timestamp) -> String {
    let Ok(since) = since.parse::<Timestamp>() else {
        return "<unknown>".to_owned();
    };
    let seconds = now.as_second() - since.as_second();
    human(seconds)
}

/// Upstream's `HumanDuration`.
fn human(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{large}{large_unit}")
        } else {
            format!("{large}{large_unit}{small}{small_unit}")
        }
    };
    match seconds {
        i64::MIN..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(seconds / HOUR, "h", seconds / MINUTE % 60, "m"),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(seconds / DAY, "d", seconds / HOUR % 24, "h"),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => two(seconds / YEAR, "y", seconds / DAY % 365, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests;
