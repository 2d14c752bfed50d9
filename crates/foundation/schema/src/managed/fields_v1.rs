//! `FieldsV1`: a set of paths as JSON, byte for byte as upstream writes it.
//!
//! A key is a step (`f:name`, `k:{"name":"web"}`, `v:"value"`, `i:0`); what has nothing below it is
//! `{}`; what is a member and has more below it says so with `".": {}`.

use serde_json::{Map, Value};

use super::element::PathElement;
use super::field_set::{FieldSet, Node};
use crate::encode;

/// No object nests deeper than its decoder allows, which is less than this.
const DEPTH_MAX: usize = 256;
/// More paths than an object of the largest size can have fields.
const PATHS_MAX: usize = 1_000_000;
const SELF: &str = ".";

/// A `FieldsV1` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldsV1Error {
    #[error("could not parse fieldsV1: {0}")]
    Json(String),
    #[error("could not parse fieldsV1: {0} is no object")]
    Type(String),
    #[error(transparent)]
    Element(#[from] super::element::BadElement),
    #[error("could not parse fieldsV1: it is nested deeper than {DEPTH_MAX} levels")]
    Depth,
    #[error("could not parse fieldsV1: it has more than {PATHS_MAX} paths")]
    Size,
}

impl FieldSet {
    pub fn from_json(json: &[u8]) -> Result<Self, FieldsV1Error> {
        let tree: Value =
            serde_json::from_slice(json).map_err(|error| FieldsV1Error::Json(error.to_string()))?;
        Self::from_value(&tree)
    }

    pub fn from_value(tree: &Value) -> Result<Self, FieldsV1Error> {
        let mut paths = 0;
        read(tree, 0, &mut paths).map(|(set, _)| set)
    }

    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_set(self, false, &mut out);
        out
    }

    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        for node in &self.nodes {
            let mut below = node.children.to_value();
            if let Some(below) = below.as_object_mut()
                && node.member
                && !node.children.is_empty()
            {
                below.insert(SELF.to_owned(), Value::Object(Map::new()));
            }
            map.insert(node.element.serialize(), below);
        }
        Value::Object(map)
    }
}

/// What is below a node, and whether the node itself is a member.
fn read(tree: &Value, depth: usize, paths: &mut usize) -> Result<(FieldSet, bool), FieldsV1Error> {
    if depth > DEPTH_MAX {
        return Err(FieldsV1Error::Depth);
    }
    let entries = match tree {
        Value::Object(entries) => entries,
        Value::Null => return Ok((FieldSet::new(), true)),
        other => return Err(FieldsV1Error::Type(other.to_string())),
    };
    let mut set = FieldSet::new();
    let mut member = false;
    for (key, below) in entries {
        if key == SELF {
            member = true;
            continue;
        }
        // A later version may know more sorts of steps; nobody owns what is not understood.
        let Some(element) = PathElement::parse(key)? else {
            continue;
        };
        let (children, is_member) = read(below, depth + 1, paths)?;
        *paths += 1;
        if *paths > PATHS_MAX {
            return Err(FieldsV1Error::Size);
        }
        let node = set.node(&element);
        node.member |= is_member;
        if !children.is_empty() {
            node.children = children;
        }
    }
    let member = member || set.is_empty();
    Ok((set, member))
}

fn write_set(set: &FieldSet, member: bool, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    if member && !set.is_empty() {
        out.extend_from_slice(b"\".\":{}");
        first = false;
    }
    for Node {
        element,
        member,
        children,
    } in &set.nodes
    {
        if !first {
            out.push(b',');
        }
        first = false;
        encode::string(&element.serialize(), out);
        out.push(b':');
        write_set(children, *member, out);
    }
    out.push(b'}');
}

/// Writes a tree that is `FieldsV1` in the order of its paths.
pub(crate) fn write(tree: &Value, out: &mut Vec<u8>) {
    let is_named = |key: &str| key == SELF || key.starts_with("f:");
    match tree {
        // The order of names is the order of keys.
        Value::Object(entries) if entries.keys().all(|key| is_named(key)) => {
            encode::map(entries, out, write);
        }
        Value::Object(entries) => {
            let mut sorted: Vec<_> = entries
                .iter()
                .map(|(key, below)| (PathElement::parse(key).ok().flatten(), key, below))
                .collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(b.1)));
            encode::pairs(
                sorted.into_iter().map(|(_, key, below)| (key, below)),
                out,
                write,
            );
        }
        other => encode::any(other, out),
    }
}
