//! Cells of tables: by path, and the words that several kinds share.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kind::Column;
use crate::tree;

/// The cell of a column that only shows a field.
pub fn by_path(column: &Column, object: &Value, now: Timestamp) -> Value {
    if column.path.is_empty() {
        return json!("");
    }
    let found = tree::at(object, &column.path);
    if column.kind == "date" {
        return found.clone();
    }
    if column.path.ends_with("Timestamp") {
        return age(found.as_str().unwrap_or_default(), now).into();
    }
    match (column.kind.as_str(), found) {
        ("integer" | "number", Value::Null) => json!(0),
        ("boolean", Value::Null) => json!(false),
        (_, Value::Null) => json!(""),
        ("string", Value::String(text)) => json!(text),
        // Upstream puts numbers into columns of texts.
        (_, Value::Number(number)) => json!(number),
        ("string", other) => json!(other.to_string()),
        (_, other) => other.clone(),
    }
}

/// How long ago, in words.
pub fn age(since: &str, now: Timestamp) -> String {
    match since.parse::<Timestamp>() {
        Ok(since) => human_duration(now.as_second() - since.as_second()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// Seconds in at most two units.
pub fn human_duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |large: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{small_unit}"),
    };
    match seconds {
        i64::MIN..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => two(seconds / YEAR, "y", seconds % YEAR / DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

/// A text, or `<none>`.
pub fn or_none(text: &str) -> Value {
    json!(if text.is_empty() { "<none>" } else { text })
}

/// Labels as a selector: `a=b,c=d`, or `<none>`.
pub fn labels(labels: &Value) -> Value {
    let pairs: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    or_none(&pairs.join(","))
}

/// A label selector as text; `<none>` if it selects everything or nothing.
pub fn selector(selector: &Value) -> Value {
    let text = styr_meta::labels::Selector::from_value(selector).map(|it| it.to_string());
    or_none(&text.unwrap_or_default())
}

/// Names of the containers of a pod's spec, between commas.
pub fn containers(spec: &Value) -> Value {
    joined(spec, "name")
}

/// Images of the containers of a pod's spec, between commas.
pub fn images(spec: &Value) -> Value {
    joined(spec, "image")
}

fn joined(spec: &Value, field: &str) -> Value {
    let all = tree::items(spec, "containers")
        .iter()
        .map(|it| tree::text(it, field));
    json!(all.collect::<Vec<_>>().join(","))
}
