//! Reads YAML by way of JSON, as `sigs.k8s.io/yaml` does.

use serde_json::{Map, Value};

use crate::decode::{self, DecodeError, Decoded, Strictness};
use crate::schema::Shape;

pub(crate) fn decode(
    shape: &Shape,
    bytes: &[u8],
    strictness: Strictness,
) -> Result<Decoded, DecodeError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| DecodeError::Syntax("yaml: invalid UTF-8".to_owned()))?;
    let value: Value = serde_saphyr::from_str(text).map_err(|error| {
        DecodeError::Syntax(format!("error converting YAML to JSON: yaml: {error}"))
    })?;
    decode::tree(shape, texts_where_wanted(value), strictness)
}

/// Keys of maps are always texts.
fn texts_where_wanted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map
                .into_iter()
                .map(|(key, value)| (key, texts_where_wanted(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(texts_where_wanted).collect(),
        other => other,
    }
}
