//! Reads the generated tables of the built-in types and their constant defaults.

use std::sync::Arc;

use crate::defaults::Rule;
use crate::schema::Builder;
use crate::schema::{Field, ListType, Node, PatchStrategy, Schema, Struct, Text, TypeId};

static TYPES: &str = include_str!("../generated/types.txt");
static DEFAULTS: &str = include_str!("../generated/defaults.txt");

/// A type whose fields are still to come.
struct Pending {
    id: TypeId,
    marks: &'static str,
    it: Struct,
}

pub(crate) fn read() -> Schema {
    let mut builder = Builder::default();
    let mut defaults = defaults();
    let mut pending: Option<Pending> = None;
    for line in TYPES.lines() {
        let mut columns = line.split('\t');
        match columns.next() {
            Some("T") => {
                finish(&mut builder, pending.take());
                let name = columns.next().unwrap_or_default();
                let marks = columns.next().unwrap_or_default();
                let mut it = Struct {
                    name: Text::Borrowed(name),
                    gvk: Text::Borrowed(columns.next().unwrap_or_default()),
                    atomic: marks.contains('a'),
                    ..Struct::default()
                };
                it.rules = defaults.remove(name).unwrap_or_default();
                pending = Some(Pending {
                    id: builder.named(name),
                    marks,
                    it,
                });
            }
            Some("F") => {
                let Some(pending) = &mut pending else {
                    continue;
                };
                let package = pending
                    .it
                    .name
                    .rsplit_once('.')
                    .map_or("", |(package, _)| package);
                let field = field(&mut builder, package, columns);
                pending.it.fields.push(Arc::new(field));
            }
            Some("E") => {
                let name = columns.next().unwrap_or_default();
                let values = columns
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .map(Text::Borrowed);
                builder.enums.insert(Text::Borrowed(name), values.collect());
            }
            _ => {}
        }
    }
    finish(&mut builder, pending.take());
    builder.finish()
}

fn finish(builder: &mut Builder, pending: Option<Pending>) {
    let Some(Pending { id, marks, it }) = pending else {
        return;
    };
    let node = if marks.contains('j') {
        Node::Raw
    } else if marks.contains('u') {
        Node::OneOf(it)
    } else {
        Node::Struct(it)
    };
    builder.define(id, node);
}

fn field(
    builder: &mut Builder,
    package: &str,
    mut columns: impl Iterator<Item = &'static str>,
) -> Field {
    let mut next = || columns.next().unwrap_or_default();
    let (json, go, expression, number, marks) = (next(), next(), next(), next(), next());
    let (alias, list_type, list_keys, patch) = (next(), next(), next(), next());
    let (merge_key, default) = (next(), next());
    let has = |mark: char| marks.contains(mark);
    Field {
        json: Text::Borrowed(json),
        go: Text::Borrowed(go),
        node: builder.composed(expression, package, has('w')),
        number: number.parse().unwrap_or(0),
        pointer: has('p'),
        omit_empty: has('e'),
        omit_zero: has('z'),
        inline: has('i'),
        required: has('r'),
        hidden: has('n'),
        atomic_map: has('a'),
        granular: has('g'),
        alias: match alias.strip_prefix('.') {
            Some(name) => Text::Owned(format!("{package}.{name}")),
            None => Text::Borrowed(alias),
        },
        list_type: match list_type {
            "map" => ListType::Map,
            "set" => ListType::Set,
            _ => ListType::Atomic,
        },
        list_keys: texts(list_keys),
        patch: PatchStrategy {
            merge: patch.contains("merge"),
            replace: patch.contains("replace"),
            retain_keys: patch.contains("retainKeys"),
        },
        merge_key: Text::Borrowed(merge_key),
        default: if default.is_empty() {
            None
        } else {
            serde_json::from_str(default).ok()
        },
    }
}

fn texts(list: &'static str) -> Vec<Text> {
    list.split(',')
        .filter(|text| !text.is_empty())
        .map(Text::Borrowed)
        .collect()
}

fn defaults() -> std::collections::HashMap<&'static str, Vec<Rule>> {
    let mut all = std::collections::HashMap::new();
    let mut current: &'static str = "";
    for line in DEFAULTS.lines() {
        let mut columns = line.split('\t');
        match columns.next() {
            Some("D") => current = columns.next().unwrap_or_default(),
            Some("R") => {
                let mut next = || columns.next().unwrap_or_default();
                let rules: &mut Vec<Rule> = all.entry(current).or_default();
                rules.extend(Rule::read(next(), next(), next()));
            }
            _ => {}
        }
    }
    all
}
