//! Reads messages into trees.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::wire::{self, Wire};
use crate::decode::{DecodeError, Scanner, quantity};
use crate::duration;
use crate::schema::{Field, IntKind, Node, Schema, Shape, Struct, TypeId};
use crate::zero;

/// As deep may messages be nested.
const DEPTH_MAX: usize = 200;

type Outcome<T> = Result<T, DecodeError>;

pub(crate) fn decode(shape: &Shape, bytes: &[u8]) -> Outcome<Value> {
    let reader = Reader {
        schema: shape.schema(),
    };
    Ok(reader.message(shape.id(), bytes, 0)?.unwrap_or(Value::Null))
}

fn broken<T>(text: &str) -> Outcome<T> {
    Err(DecodeError::Protobuf(text.to_owned()))
}

struct Reader<'a> {
    schema: &'a Schema,
}

impl Reader<'_> {
    /// A value that is a message.
    fn message(&self, id: TypeId, bytes: &[u8], depth: usize) -> Outcome<Option<Value>> {
        if depth > DEPTH_MAX {
            return broken("exceeded max depth");
        }
        match self.schema.node(id) {
            Node::Struct(it) => {
                let mut map = Map::new();
                self.members(it, bytes, depth, &mut map)?;
                zero::normalize(self.schema, id, &mut map);
                Ok(Some(Value::Object(map)))
            }
            Node::OneOf(it) => self.one_of(it, bytes, depth),
            Node::Quantity => {
                let text = first_bytes(bytes)?;
                let text = wire::text(text.unwrap_or_default())?;
                Ok(Some(if text.is_empty() {
                    Value::from("0")
                } else {
                    quantity(&text)?.into()
                }))
            }
            Node::Raw | Node::FieldsV1 => match first_bytes(bytes)? {
                None | Some(b"") => Ok(None),
                Some(raw) => Ok(Some(raw_json(raw)?)),
            },
            Node::Time | Node::MicroTime => self.time(id, bytes),
            Node::Duration => {
                let nanos = numbers(bytes)?[1].cast_signed();
                Ok(Some(duration::format(nanos).into()))
            }
            Node::IntOrString => int_or_string(bytes).map(Some),
            Node::List { item, .. } => {
                let mut items = Vec::new();
                for part in wire::fields(bytes) {
                    if let (1, value) = part? {
                        items.push(self.item(*item, value, depth)?);
                    }
                }
                Ok(Some(Value::Array(items)))
            }
            _ => broken("proto: unexpected message"),
        }
    }

    fn members(
        &self,
        it: &Struct,
        bytes: &[u8],
        depth: usize,
        map: &mut Map<String, Value>,
    ) -> Outcome<()> {
        for part in wire::fields(bytes) {
            let (number, value) = part?;
            let Some(field) = it.numbered(number) else {
                continue;
            };
            let node = self.schema.node(field.node);
            match (node, value) {
                (Node::Struct(inline), Wire::Bytes(bytes)) if field.inline => {
                    self.members(inline, bytes, depth + 1, map)?;
                }
                _ if field.hidden => {}
                (
                    Node::List {
                        item,
                        wrapped: false,
                    },
                    value,
                ) => {
                    self.append(field, *item, value, (depth, &mut *map))?;
                }
                (Node::Map { value: id }, Wire::Bytes(bytes)) => {
                    let (key, value) = self.entry(*id, bytes, depth)?;
                    let entries = map
                        .entry(field.json.as_ref())
                        .or_insert_with(|| Value::Object(Map::new()));
                    entries[key] = value;
                }
                (node, value) => {
                    let value = self.value(field.node, value, depth)?;
                    let Some(value) = value else { continue };
                    let dropped = !field.pointer
                        && field.is_omitted_when_zero(node)
                        && zero::is(node, &value);
                    if dropped {
                        map.remove(field.json.as_ref());
                    } else {
                        map.insert(field.json.to_string(), value);
                    }
                }
            }
        }
        Ok(())
    }

    fn append(
        &self,
        field: &Field,
        item: TypeId,
        value: Wire<'_>,
        (depth, map): (usize, &mut Map<String, Value>),
    ) -> Outcome<()> {
        let items = map
            .entry(field.json.as_ref())
            .or_insert_with(|| Value::Array(Vec::new()));
        let Value::Array(items) = items else {
            return Ok(());
        };
        let is_number = matches!(self.schema.node(item), Node::Int(_) | Node::Bool);
        match value {
            Wire::Bytes(mut packed) if is_number => {
                while !packed.is_empty() {
                    let value = Wire::Varint(wire::varint(&mut packed)?);
                    items.push(self.item(item, value, depth)?);
                }
            }
            value => items.push(self.item(item, value, depth)?),
        }
        Ok(())
    }

    fn item(&self, id: TypeId, value: Wire<'_>, depth: usize) -> Outcome<Value> {
        Ok(self.value(id, value, depth)?.unwrap_or(Value::Null))
    }

    fn entry(&self, id: TypeId, bytes: &[u8], depth: usize) -> Outcome<(String, Value)> {
        let (mut key, mut value) = (String::new(), None);
        for part in wire::fields(bytes) {
            match part? {
                (1, Wire::Bytes(text)) => key = wire::text(text)?,
                (2, found) => value = self.value(id, found, depth)?,
                _ => {}
            }
        }
        let value = value.or_else(|| zero::of(self.schema, id));
        Ok((key, value.unwrap_or(Value::Null)))
    }

    fn value(&self, id: TypeId, value: Wire<'_>, depth: usize) -> Outcome<Option<Value>> {
        let value = match (self.schema.node(id), value) {
            (Node::String, Wire::Bytes(bytes)) => Value::String(wire::text(bytes)?),
            (Node::Bytes, Wire::Bytes(bytes)) => Value::String(STANDARD.encode(bytes)),
            (Node::Bool, Wire::Varint(number)) => Value::Bool(number != 0),
            (Node::Int(IntKind::UInt64 | IntKind::UInt32), Wire::Varint(number)) => number.into(),
            (Node::Int(IntKind::Int32), Wire::Varint(number)) => {
                #[expect(clippy::cast_possible_truncation, reason = "Go keeps the low 32 bits")]
                let number = number.cast_signed() as i32;
                number.into()
            }
            (Node::Int(_), Wire::Varint(number)) => number.cast_signed().into(),
            (Node::Float, Wire::Fixed64(bits)) => {
                Number::from_f64(f64::from_bits(bits)).map_or(Value::Null, Value::Number)
            }
            (_, Wire::Bytes(bytes)) => return self.message(id, bytes, depth + 1),
            _ => return broken("proto: wrong wireType"),
        };
        Ok(Some(value))
    }

    fn time(&self, id: TypeId, bytes: &[u8]) -> Outcome<Option<Value>> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let numbers = numbers(bytes)?;
        let nanos = i32::try_from(numbers[2]).unwrap_or(0);
        let Ok(at) = Timestamp::new(numbers[1].cast_signed(), nanos) else {
            return broken("a time is out of range");
        };
        let text = match self.schema.node(id) {
            Node::MicroTime => styr_meta::time::format_micro(at),
            _ => styr_meta::time::format(at),
        };
        Ok(Some(text.into()))
    }

    fn one_of(&self, it: &Struct, bytes: &[u8], depth: usize) -> Outcome<Option<Value>> {
        let mut map = Map::new();
        let (mut many, mut single, mut allows) = (None, None, false);
        for part in wire::fields(bytes) {
            let (number, value) = part?;
            let Some(field) = it.numbered(number) else {
                continue;
            };
            match (field.go.as_ref(), self.schema.node(field.node)) {
                ("Allows", _) => allows = matches!(value, Wire::Varint(1)),
                (name, Node::List { item, .. }) => {
                    let item = self.item(*item, value, depth)?;
                    let items = map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                    items.as_array_mut().expect("it was made one").push(item);
                    many = Some(name.to_owned());
                }
                _ => single = self.value(field.node, value, depth)?,
            }
        }
        if let Some(name) = many {
            return Ok(map.remove(&name));
        }
        let has_allows = it.fields.iter().any(|field| field.go == "Allows");
        Ok(single.or_else(|| has_allows.then_some(Value::Bool(allows))))
    }
}

/// JSON inside protobuf.
fn raw_json(raw: &[u8]) -> Outcome<Value> {
    let mut scanner = Scanner::new(raw);
    let value = scanner.value()?;
    scanner.end()?;
    Ok(value)
}

fn first_bytes(bytes: &[u8]) -> Outcome<Option<&[u8]>> {
    for part in wire::fields(bytes) {
        if let (1, Wire::Bytes(found)) = part? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The numbers of the fields 1 and 2 (at their index).
fn numbers(bytes: &[u8]) -> Outcome<[u64; 3]> {
    let mut numbers = [0; 3];
    for part in wire::fields(bytes) {
        if let (field @ 1..=2, Wire::Varint(number)) = part? {
            numbers[field as usize] = number;
        }
    }
    Ok(numbers)
}

fn int_or_string(bytes: &[u8]) -> Outcome<Value> {
    let mut text = String::new();
    for part in wire::fields(bytes) {
        if let (3, Wire::Bytes(found)) = part? {
            text = wire::text(found)?;
        }
    }
    let numbers = numbers(bytes)?;
    Ok(if numbers[1] == 1 {
        text.into()
    } else {
        numbers[2].cast_signed().into()
    })
}
