//! One step of a path: a field, an item of a list by its keys or its value, or an index.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;

use super::values;
use crate::encode;

/// One step of a path.
#[derive(Debug, Clone)]
pub enum PathElement {
    /// A field of a struct, or the key of a map.
    Field(String),
    /// The item of a list that has these values in its key fields, which are sorted by name.
    Key(Vec<(String, Value)>),
    /// The item of a set.
    Value(Value),
    /// A place in a list.
    Index(i64),
}

/// A serialized step that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not read the path element {0:?}")]
pub struct BadElement(String);

impl PathElement {
    pub fn field(name: impl Into<String>) -> Self {
        Self::Field(name.into())
    }

    /// Reads a key of `FieldsV1`; nothing if it is of a sort that is not known.
    pub fn parse(text: &str) -> Result<Option<Self>, BadElement> {
        let bad = || BadElement(text.to_owned());
        let Some((sort, rest)) = text.split_at_checked(2) else {
            return Err(bad());
        };
        if !sort.ends_with(':') {
            return Err(bad());
        }
        match sort {
            "f:" => Ok(Some(Self::field(rest))),
            "v:" => serde_json::from_str(rest)
                .map(|value| Some(Self::Value(value)))
                .map_err(|_| bad()),
            "k:" => match serde_json::from_str(rest) {
                Ok(Value::Object(map)) => {
                    let mut keys: Vec<(String, Value)> = map.into_iter().collect();
                    keys.sort_by(|a, b| a.0.cmp(&b.0));
                    Ok(Some(Self::Key(keys)))
                }
                _ => Err(bad()),
            },
            "i:" => rest
                .parse()
                .map(|index| Some(Self::Index(index)))
                .map_err(|_| bad()),
            _ => Ok(None),
        }
    }

    /// The key of `FieldsV1`.
    pub fn serialize(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Index(index) => format!("i:{index}"),
            Self::Value(value) => {
                let mut out = b"v:".to_vec();
                encode::any(value, &mut out);
                into_text(out)
            }
            Self::Key(keys) => {
                let mut out = b"k:{".to_vec();
                for (at, (name, value)) in keys.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    encode::string(name, &mut out);
                    out.push(b':');
                    encode::any(value, &mut out);
                }
                out.push(b'}');
                into_text(out)
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the encoder writes texts")
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => keys(a, b),
            (Self::Value(a), Self::Value(b)) => values::compare(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

fn keys(a: &[(String, Value)], b: &[(String, Value)]) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = a.0.cmp(&b.0).then_with(|| values::compare(&a.1, &b.1));
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PathElement {}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                let keys: Vec<String> = keys
                    .iter()
                    .map(|(name, value)| format!("{name}={}", values::text(value)))
                    .collect();
                write!(f, "[{}]", keys.join(","))
            }
            Self::Value(value) => write!(f, "[={}]", values::text(value)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Writes a path such as `.spec.containers[name="web"].image`.
pub(super) fn path_text(path: &[PathElement]) -> String {
    path.iter().map(ToString::to_string).collect()
}
