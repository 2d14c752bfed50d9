//! Values by their type.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};
use styr_meta::field::quoted;

use super::{DecodeError, Scanner, Strictness, scalar};
use crate::schema::{Field, IntKind, Node, Schema, Struct, TypeId};
use crate::zero;

/// Upstream reports no more than this.
const PROBLEMS_MAX: usize = 100;

/// A step on the way to a value.
enum Step<'a> {
    Field(&'a Field),
    Key(String),
    Index(usize),
}

/// Reads one document.
pub(super) struct Reader<'a> {
    schema: &'a Schema,
    scanner: Scanner<'a>,
    reports: bool,
    problems: Vec<String>,
    path: Vec<Step<'a>>,
    /// The struct whose field is being read.
    owner: Option<TypeId>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(schema: &'a Schema, bytes: &'a [u8], strictness: Strictness) -> Self {
        Self {
            schema,
            scanner: Scanner::new(bytes),
            reports: strictness != Strictness::Ignore,
            problems: Vec::new(),
            path: Vec::new(),
            owner: None,
        }
    }

    pub(super) fn document(&mut self, id: TypeId) -> Result<Value, DecodeError> {
        let value = self.value(id)?;
        self.scanner.end()?;
        Ok(value.unwrap_or(Value::Null))
    }

    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    /// A value of a type; nothing if it is `null`.
    fn value(&mut self, id: TypeId) -> Result<Option<Value>, DecodeError> {
        let schema = self.schema;
        let node = schema.node(id);
        match (self.scanner.peek(), node) {
            (_, Node::Any) => self.scanner.value().map(Some),
            (Some(b'n'), _) => self.scanner.word("null").map(|()| None),
            (_, Node::Raw | Node::FieldsV1) => self.scanner.value().map(Some),
            (Some(b'{'), Node::Struct(it)) => self.members(id, it).map(Some),
            (Some(b'{'), Node::Map { value }) => self.entries(*value).map(Some),
            (Some(b'['), Node::List { item, .. }) => self.items(*item).map(Some),
            (Some(_), Node::OneOf(it)) => self.one_of(id, it),
            (Some(b'"'), _) => {
                let text = self.scanner.string()?;
                self.text(id, text).map(Some)
            }
            (Some(b'-' | b'0'..=b'9'), _) => {
                let number = self.scanner.number()?;
                self.number(id, number).map(Some)
            }
            (Some(b't'), _) => {
                self.scanner.word("true")?;
                self.truth(id, true).map(Some)
            }
            (Some(b'f'), _) => {
                self.scanner.word("false")?;
                self.truth(id, false).map(Some)
            }
            (Some(b'{'), _) => self.wrong("object", id),
            (Some(b'['), _) => self.wrong("array", id),
            _ => self.scanner.unexpected("looking for beginning of value"),
        }
    }

    fn members(&mut self, id: TypeId, it: &'a Struct) -> Result<Value, DecodeError> {
        self.scanner.skip();
        self.scanner.descend()?;
        let owner = self.owner.replace(id);
        let mut map = Map::new();
        let mut seen: u128 = 0;
        let (mut first, mut expected) = (true, 0);
        while let Some(key) = self.scanner.key(first)? {
            first = false;
            let Some(place) = it.find(&key, expected) else {
                if self.reports {
                    self.report("unknown field", &key);
                }
                self.scanner.value()?;
                continue;
            };
            let bit = 1_u128 << (place & 127);
            if seen & bit != 0 && self.reports {
                self.report("duplicate field", &key);
            }
            seen |= bit;
            expected = place + 1;
            self.member(&it.flat[place], key, &mut map)?;
        }
        self.owner = owner;
        self.scanner.ascend();
        zero::normalize(self.schema, id, &mut map);
        Ok(Value::Object(map))
    }

    fn member(
        &mut self,
        field: &'a Field,
        key: String,
        map: &mut Map<String, Value>,
    ) -> Result<(), DecodeError> {
        self.path.push(Step::Field(field));
        let value = self.value(field.node)?;
        self.path.pop();
        let node = self.schema.node(field.node);
        let dropped = match &value {
            None => true,
            Some(value) => {
                !field.pointer && field.is_omitted_when_zero(node) && zero::is(node, value)
            }
        };
        if let (Some(value), false) = (value, dropped) {
            map.insert(key, value);
        }
        Ok(())
    }

    fn entries(&mut self, id: TypeId) -> Result<Value, DecodeError> {
        self.scanner.skip();
        self.scanner.descend()?;
        let mut map = Map::new();
        let mut first = true;
        while let Some(key) = self.scanner.key(first)? {
            first = false;
            if self.reports && map.contains_key(&key) {
                self.report("duplicate field", &key);
            }
            self.path.push(Step::Key(key));
            let value = self.value(id)?.or_else(|| zero::of(self.schema, id));
            if let Some(Step::Key(key)) = self.path.pop() {
                map.insert(key, value.unwrap_or(Value::Null));
            }
        }
        self.scanner.ascend();
        Ok(Value::Object(map))
    }

    fn items(&mut self, id: TypeId) -> Result<Value, DecodeError> {
        self.scanner.skip();
        self.scanner.descend()?;
        let mut items = Vec::new();
        while self.scanner.item(items.is_empty())? {
            self.path.push(Step::Index(items.len()));
            let value = self.value(id)?.or_else(|| zero::of(self.schema, id));
            self.path.pop();
            items.push(value.unwrap_or(Value::Null));
        }
        self.scanner.ascend();
        Ok(Value::Array(items))
    }

    /// An object by the field `Schema`; a list or a truth by its own field.
    fn one_of(&mut self, id: TypeId, it: &'a Struct) -> Result<Option<Value>, DecodeError> {
        let form = |name: &str| it.fields.iter().find(|field| field.go == name);
        let target = match self.scanner.peek() {
            Some(b'{') => form("Schema"),
            Some(b'[') => form("JSONSchemas").or_else(|| form("Property")),
            Some(b't' | b'f') => form("Allows"),
            _ => None,
        };
        match target {
            Some(field) => self.value(field.node),
            None => {
                let found = match self.scanner.value()? {
                    Value::String(_) => "string",
                    Value::Number(_) => "number",
                    Value::Bool(_) => "bool",
                    _ => "array",
                };
                self.wrong(found, id)
            }
        }
    }

    fn text(&mut self, id: TypeId, text: String) -> Result<Value, DecodeError> {
        match self.schema.node(id) {
            Node::String | Node::IntOrString => Ok(Value::String(text)),
            Node::Quantity => scalar::quantity(&text).map(Value::String),
            Node::Time => scalar::time(&text).map(Value::String),
            Node::MicroTime => scalar::micro_time(&text).map(Value::String),
            Node::Duration => scalar::go_duration(&text).map(Value::String),
            Node::Bytes => scalar::bytes(text).map(Value::String),
            _ => self.wrong("string", id),
        }
    }

    fn truth(&mut self, id: TypeId, on: bool) -> Result<Value, DecodeError> {
        match self.schema.node(id) {
            Node::Bool => Ok(Value::Bool(on)),
            Node::Quantity => scalar::quantity("true").map(Value::String),
            _ => self.wrong("bool", id),
        }
    }

    fn number(&mut self, id: TypeId, text: &str) -> Result<Value, DecodeError> {
        let whole = |min: i64, max: i64| {
            text.parse::<i64>()
                .ok()
                .filter(|number| (min..=max).contains(number))
                .map(Value::from)
        };
        let value = match self.schema.node(id) {
            Node::Int(IntKind::Int32) | Node::IntOrString => {
                whole(i64::from(i32::MIN), i64::from(i32::MAX))
            }
            Node::Int(IntKind::Int64) => whole(i64::MIN, i64::MAX),
            Node::Int(IntKind::UInt32) => whole(0, i64::from(u32::MAX)),
            Node::Int(IntKind::UInt64) => text.parse::<u64>().ok().map(Value::from),
            Node::Float => text
                .parse::<f64>()
                .ok()
                .and_then(Number::from_f64)
                .map(Value::Number),
            Node::Quantity => return scalar::quantity(text).map(Value::String),
            _ => return self.wrong("number", id),
        };
        match value {
            Some(value) => Ok(value),
            None => self.wrong(&format!("number {text}"), id),
        }
    }

    fn report(&mut self, problem: &str, key: &str) {
        if self.problems.len() >= PROBLEMS_MAX {
            return;
        }
        let mut path = String::new();
        for step in &self.path {
            let dot = if path.is_empty() { "" } else { "." };
            match step {
                Step::Field(field) => path += &format!("{dot}{}", field.json),
                Step::Key(key) => path += &format!("{dot}{key}"),
                Step::Index(index) => path += &format!("[{index}]"),
            }
        }
        let dot = if path.is_empty() { "" } else { "." };
        let _ = write!(path, "{dot}{key}");
        let text = format!("{problem} {}", quoted(&path));
        if !self.problems.contains(&text) {
            self.problems.push(text);
        }
    }

    /// A value of another type than the one expected.
    fn wrong<T>(&self, found: &str, id: TypeId) -> Result<T, DecodeError> {
        let names: Vec<&str> = self
            .path
            .iter()
            .filter_map(|step| match step {
                Step::Field(field) => Some(field.json.as_ref()),
                _ => None,
            })
            .collect();
        let owner = self
            .owner
            .and_then(|owner| self.schema.node(owner).as_struct());
        let place = match owner {
            Some(owner) if !names.is_empty() => {
                format!("struct field {}.{}", owner.go_name(), names.join("."))
            }
            _ => "value".to_owned(),
        };
        let alias = match self.path.last() {
            Some(Step::Field(field)) => field.alias.as_ref(),
            _ => "",
        };
        let wanted = go_type(self.schema, id, alias);
        Err(DecodeError::Type {
            found: found.to_owned(),
            place,
            wanted,
        })
    }
}

/// The name of a type in Go: `int32`, `v1.PodSpec`, `[]v1.Container`.
fn go_type(schema: &Schema, id: TypeId, alias: &str) -> String {
    let short = |name: &str| {
        let parts: Vec<&str> = name.rsplitn(3, '.').collect();
        parts
            .get(1)
            .map_or(name.to_owned(), |package| format!("{package}.{}", parts[0]))
    };
    match schema.node(id) {
        Node::List { item, .. } => format!("[]{}", go_type(schema, *item, alias)),
        Node::Map { .. } if !alias.is_empty() => short(alias),
        Node::Map { value } => format!("map[string]{}", go_type(schema, *value, "")),
        Node::Struct(it) | Node::OneOf(it) => short(&it.name),
        Node::String if !alias.is_empty() => short(alias),
        Node::String | Node::Time | Node::MicroTime | Node::Duration => "string".to_owned(),
        Node::Bool => "bool".to_owned(),
        Node::Int(IntKind::Int64) => "int64".to_owned(),
        Node::Int(IntKind::UInt32) => "uint32".to_owned(),
        Node::Int(IntKind::UInt64) => "uint64".to_owned(),
        Node::Int(IntKind::Int32) | Node::IntOrString => "int32".to_owned(),
        Node::Float => "float64".to_owned(),
        Node::Bytes => "[]uint8".to_owned(),
        Node::Quantity => "resource.Quantity".to_owned(),
        Node::Raw | Node::FieldsV1 | Node::Any => "runtime.RawExtension".to_owned(),
    }
}
