//! Constant defaults: markers of fields, and the constant part of upstream's defaulting functions.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::schema::{Field, Node, Schema, Shape, Struct, TypeId};
use crate::zero;

/// Sets a field, somewhere inside its type, when it is not set.
#[derive(Debug)]
pub(crate) struct Rule {
    path: Vec<Step>,
    value: Value,
    /// Only when these are set.
    if_set: Vec<Vec<Step>>,
}

#[derive(Debug, PartialEq)]
enum Step {
    Field(String),
    Items,
}

impl Rule {
    /// Reads `.spec.ports[].protocol`, a JSON value, and the paths that must be set.
    pub(crate) fn read(path: &str, value: &str, if_set: &str) -> Option<Self> {
        let if_set = if_set
            .split(',')
            .filter(|path| !path.is_empty())
            .map(steps)
            .collect();
        Some(Self {
            path: steps(path),
            value: serde_json::from_str(value).ok()?,
            if_set,
        })
    }
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let name = part.trim_end_matches("[]");
        steps.push(Step::Field(name.to_owned()));
        if name.len() < part.len() {
            steps.push(Step::Items);
        }
    }
    steps
}

/// Finds out which types have a default anywhere inside.
pub(crate) fn mark(schema: &mut Schema) {
    schema.defaulted = vec![false; schema.nodes.len()];
    loop {
        let mut changed = false;
        for (at, node) in schema.nodes.iter().enumerate() {
            let holds = |id: TypeId| schema.defaulted[id.0 as usize];
            let now = match node {
                Node::List { item, .. } => holds(*item),
                Node::Map { value } => holds(*value),
                Node::Struct(it) => {
                    !it.rules.is_empty()
                        || it
                            .flat
                            .iter()
                            .any(|field| field.default.is_some() || holds(field.node))
                        || it
                            .fields
                            .iter()
                            .any(|field| field.inline && holds(field.node))
                }
                _ => false,
            };
            if now && !schema.defaulted[at] {
                schema.defaulted[at] = true;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

pub(crate) fn apply(shape: &Shape, value: &mut Value) {
    walk(shape.schema(), shape.id(), value);
}

fn walk(schema: &Schema, id: TypeId, value: &mut Value) {
    if !schema.defaulted[id.0 as usize] {
        return;
    }
    match (schema.node(id), value) {
        (Node::Struct(it), Value::Object(map)) => members(schema, it, map),
        (Node::List { item, .. }, Value::Array(items)) => {
            for one in items {
                walk(schema, *item, one);
            }
        }
        (Node::Map { value: id }, Value::Object(entries)) => {
            for one in entries.values_mut() {
                walk(schema, *id, one);
            }
        }
        _ => {}
    }
}

fn members(schema: &Schema, it: &Struct, map: &mut Map<String, Value>) {
    own_rules(schema, it, map);
    for field in &*it.flat {
        if let Some(default) = &field.default
            && !is_left_out(schema, field, default)
            && is_unset(schema, field, map.get(field.json.as_ref()))
        {
            map.insert(field.json.to_string(), default.clone());
        }
        if schema.defaulted[field.node.0 as usize] {
            if !field.pointer
                && matches!(schema.node(field.node), Node::Struct(_))
                && !map.get(field.json.as_ref()).is_some_and(Value::is_object)
            {
                map.insert(field.json.to_string(), Value::Object(Map::new()));
            }
            if let Some(value) = map.get_mut(field.json.as_ref()) {
                walk(schema, field.node, value);
            }
        }
    }
}

/// Whether a default is what Go has anyway, and would not write.
fn is_left_out(schema: &Schema, field: &Field, default: &Value) -> bool {
    let is_zero = match default {
        Value::Bool(it) => !it,
        Value::Number(it) => it.as_f64() == Some(0.0),
        Value::String(it) => it.is_empty(),
        _ => false,
    };
    is_zero && !field.pointer && field.is_omitted_when_zero(schema.node(field.node))
}

/// The rules of the struct and of the structs that are inline in it.
fn own_rules(schema: &Schema, it: &Struct, map: &mut Map<String, Value>) {
    for rule in &it.rules {
        let view = View { schema, it };
        if rule.if_set.iter().all(|path| view.is_set(path, map)) {
            view.set(&rule.path, &rule.value, map);
        }
    }
    for field in it.fields.iter().filter(|field| field.inline) {
        if let Some(inline) = schema.node(field.node).as_struct() {
            own_rules(schema, inline, map);
        }
    }
}

fn is_unset(schema: &Schema, field: &Field, value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(_) if field.pointer => false,
        Some(value) => zero::is(schema.node(field.node), value),
    }
}

/// A struct, as the rules look at it.
#[derive(Clone, Copy)]
struct View<'a> {
    schema: &'a Schema,
    it: &'a Struct,
}

impl<'a> View<'a> {
    fn field(self, name: &str) -> Option<&'a Arc<Field>> {
        self.it.find(name, 0).map(|place| &self.it.flat[place])
    }

    fn inside(self, id: TypeId) -> Option<Self> {
        Some(View {
            schema: self.schema,
            it: self.schema.node(id).as_struct()?,
        })
    }

    fn is_set(self, path: &[Step], map: &Map<String, Value>) -> bool {
        let Some((Step::Field(name), rest)) = path.split_first() else {
            return true;
        };
        let Some(field) = self.field(name) else {
            return false;
        };
        let value = map.get(name);
        if is_unset(self.schema, field, value) {
            return false;
        }
        match (rest, value, self.inside(field.node)) {
            ([], _, _) => true,
            (rest, Some(Value::Object(map)), Some(view)) => view.is_set(rest, map),
            _ => false,
        }
    }

    fn set(self, path: &[Step], default: &Value, map: &mut Map<String, Value>) {
        let Some((Step::Field(name), rest)) = path.split_first() else {
            return;
        };
        let Some(field) = self.field(name) else {
            return;
        };
        if rest.is_empty() {
            if is_unset(self.schema, field, map.get(name)) {
                map.insert(name.clone(), default.clone());
            }
            return;
        }
        if rest[0] == Step::Items {
            let Node::List { item, .. } = self.schema.node(field.node) else {
                return;
            };
            let (Some(view), Some(Value::Array(items))) = (self.inside(*item), map.get_mut(name))
            else {
                return;
            };
            for one in items.iter_mut().filter_map(Value::as_object_mut) {
                view.set(&rest[1..], default, one);
            }
            return;
        }
        let Some(view) = self.inside(field.node) else {
            return;
        };
        if !field.pointer && !map.get(name).is_some_and(Value::is_object) {
            map.insert(name.clone(), Value::Object(Map::new()));
        }
        if let Some(Value::Object(inner)) = map.get_mut(name) {
            view.set(rest, default, inner);
        }
    }
}
