//! Which fields one object has, changes or lacks beside another.

use std::collections::BTreeMap;

use serde_json::{Map as Members, Value};

use super::atom::{Atom, Form, List, Map, Type};
use super::element::PathElement;
use super::field_set::FieldSet;
use super::invalid::Invalid;
use super::{list_key, values};
use crate::schema::Shape;

/// The differences between two objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    pub removed: FieldSet,
    pub modified: FieldSet,
    pub added: FieldSet,
}

impl Comparison {
    pub fn is_same(&self) -> bool {
        self.removed.is_empty() && self.modified.is_empty() && self.added.is_empty()
    }

    /// The same without some fields and what is below them.
    #[must_use]
    pub(super) fn without(self, fields: &FieldSet) -> Self {
        Self {
            removed: self.removed.recursive_difference(fields),
            modified: self.modified.recursive_difference(fields),
            added: self.added.recursive_difference(fields),
        }
    }
}

/// What trees leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unset {
    /// What Go writes as `null`: they come from a decoder.
    Nulls,
    /// Nothing: they are what somebody wrote, or whole.
    Nothing,
}

/// Compares two decoded objects.
pub(super) fn decoded<'a>(
    shape: &'a Shape,
    old: &'a Value,
    new: &'a Value,
) -> Result<Comparison, Invalid> {
    compare(shape, old, (new, Unset::Nulls))
}

pub(super) fn compare<'a>(
    shape: &'a Shape,
    old: &'a Value,
    (new, unset): (&'a Value, Unset),
) -> Result<Comparison, Invalid> {
    let mut walker = Walker {
        path: Vec::new(),
        unset,
        found: Comparison::default(),
    };
    walker.value(Type::of(shape), (Some(old), Some(new)))?;
    Ok(walker.found)
}

type Sides<'a> = (Option<&'a Value>, Option<&'a Value>);

/// A step that is not yet worth an allocation.
enum Step<'a> {
    Field(&'a str),
    Item(PathElement),
}

struct Walker<'a> {
    path: Vec<Step<'a>>,
    unset: Unset,
    found: Comparison,
}

static NULL: Value = Value::Null;

impl<'a> Walker<'a> {
    fn value(&mut self, of: Type<'a>, (old, new): Sides<'a>) -> Result<(), Invalid> {
        let atom = of.atom();
        let (was, is) = (atom.deduce(old), atom.deduce(new));
        let leaf = match (old, new) {
            (_, None) => self.form(was, (old, new))?,
            (None, _) => self.form(is, (old, new))?,
            _ if was.is_like(&is) => self.form(is, (old, new))?,
            _ => {
                self.form(was, (old, new))?;
                self.form(is, (old, new))?
            }
        };
        match (old, new) {
            _ if leaf => {}
            (None, _) => insert(&self.path, &mut self.found.added),
            (_, None) => insert(&self.path, &mut self.found.removed),
            _ => {}
        }
        Ok(())
    }

    /// Answers whether the value was taken as a whole.
    fn form(&mut self, atom: Atom<'a>, sides: Sides<'a>) -> Result<bool, Invalid> {
        match atom.form() {
            Form::Scalar(_) => {}
            Form::List(list) => {
                let (old, new) = (items(sides.0), items(sides.1));
                let is_empty = old.is_empty() && new.is_empty();
                if !list.is_atomic() && !is_empty {
                    return self.list(&list, old, new).map(|()| false);
                }
            }
            Form::Map(map) => {
                let (old, new) = (members(sides.0), members(sides.1));
                let unset = self.unset == Unset::Nulls && map.null_when_unset().next().is_some();
                let is_empty = |it: Option<&Members<String, Value>>| {
                    it.is_none_or(|it| it.is_empty() && !unset)
                };
                let is_empty = is_empty(old) && is_empty(new);
                if !map.atomic && !is_empty {
                    return self.map(&map, old, new).map(|()| false);
                }
            }
        }
        self.leaf(sides);
        Ok(true)
    }

    fn leaf(&mut self, sides: Sides<'a>) {
        let found = match sides {
            (None, _) => &mut self.found.added,
            (_, None) => &mut self.found.removed,
            (Some(old), Some(new)) if values::equal(old, new) => return,
            _ => &mut self.found.modified,
        };
        insert(&self.path, found);
    }

    fn map(
        &mut self,
        map: &Map<'a>,
        old: Option<&'a Members<String, Value>>,
        new: Option<&'a Members<String, Value>>,
    ) -> Result<(), Invalid> {
        let whole_old = old.is_some() && self.unset == Unset::Nulls;
        let whole_new = new.is_some() && self.unset == Unset::Nulls;
        // A decoder leaves out what Go writes as null.
        let null = |key: &str, whole: bool| (whole && map.is_null_when_unset(key)).then_some(&NULL);
        for (key, value) in new.into_iter().flatten() {
            let before = old.and_then(|it| it.get(key));
            // Most of most objects stays as it is.
            if before == Some(value) {
                continue;
            }
            let before = before.or_else(|| null(key, whole_old));
            self.member(map, key, (before, Some(value)))?;
        }
        for (key, value) in old.into_iter().flatten() {
            if new.is_none_or(|it| !it.contains_key(key)) {
                self.member(map, key, (Some(value), null(key, whole_new)))?;
            }
        }
        match (old, new) {
            (Some(only), None) if whole_old => self.nulls(map, only, (Some(&NULL), None)),
            (None, Some(only)) if whole_new => self.nulls(map, only, (None, Some(&NULL))),
            _ => Ok(()),
        }
    }

    /// The unset fields of a struct that is on one side only.
    fn nulls(
        &mut self,
        map: &Map<'a>,
        only: &Members<String, Value>,
        sides: Sides<'a>,
    ) -> Result<(), Invalid> {
        for name in map.null_when_unset() {
            if !only.contains_key(name) {
                self.member(map, name, sides)?;
            }
        }
        Ok(())
    }

    fn member(&mut self, map: &Map<'a>, key: &'a str, sides: Sides<'a>) -> Result<(), Invalid> {
        let Some(of) = map.member(key) else {
            return Err(
                Invalid::new("field not declared in schema").below(&PathElement::field(key))
            );
        };
        self.path.push(Step::Field(key));
        let done = self.value(of, sides);
        self.path.pop();
        done.map_err(|invalid| invalid.below(&PathElement::field(key)))
    }

    fn list(&mut self, list: &List<'a>, old: &'a [Value], new: &'a [Value]) -> Result<(), Invalid> {
        if old.len() == new.len() && old.iter().zip(new).all(|(old, new)| old == new) {
            return Ok(());
        }
        let old = by_key(list, old)?;
        let new = by_key(list, new)?;
        for (key, before) in &old {
            let after = new.get(key).map_or(&[][..], Vec::as_slice);
            self.item(list, key, before, after)?;
        }
        for (key, after) in &new {
            if !old.contains_key(key) {
                self.item(list, key, &[], after)?;
            }
        }
        Ok(())
    }

    /// Items with the same key: one on each side, or several, which are compared as a whole.
    fn item(
        &mut self,
        list: &List<'a>,
        key: &PathElement,
        old: &[&'a Value],
        new: &[&'a Value],
    ) -> Result<(), Invalid> {
        self.path.push(Step::Item(key.clone()));
        let done = match (old, new) {
            ([] | [_], [] | [_]) => {
                self.value(list.item, (old.first().copied(), new.first().copied()))
            }
            ([_, _, ..], [_, _, ..]) => {
                let same = |(old, new): (&&Value, &&Value)| values::equal(old, new);
                if old.len() != new.len() || !old.iter().zip(new).all(same) {
                    insert(&self.path, &mut self.found.modified);
                }
                Ok(())
            }
            ([_, _, ..], _) => {
                let first = new.first().copied();
                let done = first.map_or(Ok(()), |new| self.value(list.item, (None, Some(new))));
                insert(&self.path, &mut self.found.removed);
                done
            }
            _ => {
                let first = old.first().copied();
                let done = first.map_or(Ok(()), |old| self.value(list.item, (Some(old), None)));
                insert(&self.path, &mut self.found.added);
                done
            }
        };
        self.path.pop();
        done.map_err(|invalid| invalid.below(key))
    }
}

fn insert(path: &[Step<'_>], set: &mut FieldSet) {
    let path: Vec<PathElement> = path
        .iter()
        .map(|step| match step {
            Step::Field(name) => PathElement::field(*name),
            Step::Item(element) => element.clone(),
        })
        .collect();
    set.insert(&path);
}

fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        _ => &[],
    }
}

fn members(value: Option<&Value>) -> Option<&Members<String, Value>> {
    value.and_then(Value::as_object)
}

fn by_key<'a>(
    list: &List<'_>,
    items: &'a [Value],
) -> Result<BTreeMap<PathElement, Vec<&'a Value>>, Invalid> {
    let mut found: BTreeMap<PathElement, Vec<&'a Value>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let key = list_key::of(list, item).map_err(|problem| Invalid::item(at, &problem))?;
        found.entry(key).or_default().push(item);
    }
    Ok(found)
}
