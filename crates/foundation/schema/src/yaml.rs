//! Reads YAML by way of JSON, as `sigs.k8s.io/yaml` does.

use serde_json::{Map, Value};
use serde_saphyr::DuplicateKeyPolicy;

use crate::decode::{self, DecodeError, Decoded, Strictness};
use crate::schema::Shape;

pub(crate) fn decode(
    shape: &Shape,
    bytes: &[u8],
    strictness: Strictness,
) -> Result<Decoded, DecodeError> {
    let value = serde_saphyr::from_str(text(bytes)?).map_err(|error| syntax(&error))?;
    decode::tree(shape, texts_where_wanted(value), strictness)
}

/// A document as a tree, whatever it is about. Of keys that come twice the last counts.
pub fn tree(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let text = text(bytes)?;
    let (value, problems) = match serde_saphyr::from_str(text) {
        Ok(value) => (value, Vec::new()),
        Err(problem) => {
            let options = serde_saphyr::options! {
                duplicate_keys: DuplicateKeyPolicy::LastWins,
            };
            let value = serde_saphyr::from_str_with_options(text, options);
            (
                value.map_err(|error| syntax(&error))?,
                vec![problem.to_string()],
            )
        }
    };
    let value = texts_where_wanted(value);
    Ok(Decoded { value, problems })
}

fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Syntax("yaml: invalid UTF-8".to_owned()))
}

fn syntax(error: &serde_saphyr::Error) -> DecodeError {
    DecodeError::Syntax(format!("error converting YAML to JSON: yaml: {error}"))
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
