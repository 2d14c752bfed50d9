//! Puts a schema together: first all types, then what follows from all of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Field, IntKind, Node, Schema, Struct, Text, TypeId};

/// A schema in the making.
#[derive(Default)]
pub(crate) struct Builder {
    nodes: Vec<Option<Node>>,
    names: HashMap<Text, TypeId>,
    composed: HashMap<String, TypeId>,
    pub(crate) enums: HashMap<Text, Vec<Text>>,
}

impl Builder {
    /// The place of a named struct, whether it is known already or not.
    pub(crate) fn named(&mut self, name: &str) -> TypeId {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        let id = self.push(None);
        self.names.insert(Text::Owned(name.to_owned()), id);
        id
    }

    pub(crate) fn define(&mut self, id: TypeId, node: Node) {
        self.nodes[id.0 as usize] = Some(node);
    }

    fn push(&mut self, node: Option<Node>) -> TypeId {
        let id = u32::try_from(self.nodes.len()).expect("a schema has thousands of types");
        self.nodes.push(node);
        TypeId(id)
    }

    /// The type that an expression such as `list<map<string>>` stands for.
    pub(crate) fn composed(&mut self, expression: &str, package: &str, wrapped: bool) -> TypeId {
        let key = match expression.find('.') {
            Some(at) if !expression[..at].contains("io") => {
                format!("{}{package}{}", &expression[..at], &expression[at..])
            }
            _ => expression.to_owned(),
        };
        let key = if wrapped { format!("{key}*") } else { key };
        if let Some(id) = self.composed.get(&key) {
            return *id;
        }
        let node = if let Some(inner) = inner(expression, "list<") {
            Node::List {
                item: self.composed(inner, package, false),
                wrapped,
            }
        } else if let Some(inner) = inner(expression, "map<") {
            Node::Map {
                value: self.composed(inner, package, wrapped),
            }
        } else if let Some(name) = expression.strip_prefix('.') {
            return self.named(&format!("{package}.{name}"));
        } else if expression.contains('.') {
            return self.named(expression);
        } else {
            scalar(expression)
        };
        let id = self.push(Some(node));
        self.composed.insert(key, id);
        id
    }

    pub(crate) fn finish(self) -> Schema {
        let nodes: Vec<Node> = self
            .nodes
            .into_iter()
            .map(|node| node.unwrap_or(Node::Any))
            .collect();
        let flats: Vec<Option<Vec<Arc<Field>>>> = nodes
            .iter()
            .map(|node| {
                let mut flat = Vec::new();
                flatten(&nodes, node.as_struct()?, &mut flat);
                Some(flat)
            })
            .collect();
        let mut named = vec![false; nodes.len()];
        for id in self.names.values() {
            named[id.0 as usize] = true;
        }
        let mut schema = Schema {
            nodes,
            names: self.names,
            named,
            enums: self.enums,
            defaulted: Vec::new(),
        };
        for (node, flat) in schema.nodes.iter_mut().zip(flats) {
            let (Node::Struct(it) | Node::OneOf(it), Some(flat)) = (node, flat) else {
                continue;
            };
            index(it, flat);
        }
        crate::defaults::mark(&mut schema);
        schema
    }
}

fn inner<'a>(expression: &'a str, head: &str) -> Option<&'a str> {
    expression.strip_prefix(head)?.strip_suffix('>')
}

fn scalar(name: &str) -> Node {
    match name {
        "string" => Node::String,
        "bool" => Node::Bool,
        "int32" => Node::Int(IntKind::Int32),
        "int64" | "int" | "goDuration" => Node::Int(IntKind::Int64),
        "uint32" => Node::Int(IntKind::UInt32),
        "uint64" => Node::Int(IntKind::UInt64),
        "float64" | "float32" => Node::Float,
        "bytes" => Node::Bytes,
        "quantity" => Node::Quantity,
        "intOrString" => Node::IntOrString,
        "time" => Node::Time,
        "microTime" => Node::MicroTime,
        "duration" => Node::Duration,
        "rawExtension" => Node::Raw,
        "fieldsV1" => Node::FieldsV1,
        _ => Node::Any,
    }
}

fn flatten(nodes: &[Node], from: &Struct, flat: &mut Vec<Arc<Field>>) {
    for field in &from.fields {
        match nodes[field.node.0 as usize].as_struct() {
            Some(inline) if field.inline => flatten(nodes, inline, flat),
            _ if field.hidden || field.json.is_empty() => {}
            _ => flat.push(Arc::clone(field)),
        }
    }
}

fn index(it: &mut Struct, flat: Vec<Arc<Field>>) {
    let short = |at: usize| u16::try_from(at).expect("a struct has dozens of fields");
    let mut by_name: Vec<u16> = (0..flat.len()).map(short).collect();
    by_name.sort_by(|a, b| flat[usize::from(*a)].json.cmp(&flat[usize::from(*b)].json));
    let numbered = |at: &u16| it.fields[usize::from(*at)].number;
    let mut by_number: Vec<u16> = (0..it.fields.len())
        .map(short)
        .filter(|at| numbered(at) > 0)
        .collect();
    by_number.sort_by_key(numbered);
    it.flat = flat.into();
    it.by_name = by_name.into();
    it.by_number = by_number.into();
}
