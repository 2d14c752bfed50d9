//! Lists whose items are known by a key.
//!
//! The walk goes along both lists at once. Items that only the live list has keep their places;
//! items that both have come in the order of the configuration.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::atom::List;
use super::super::element::PathElement;
use super::super::invalid::Invalid;
use super::super::list_key;

static NULL: Value = Value::Null;

pub(super) fn merge(
    list: &List<'_>,
    live: &[Value],
    wanted: &[Value],
) -> Result<Option<Value>, Invalid> {
    let wanted = Indexed::of(list, wanted)?;
    if let Some(twice) = &wanted.twice {
        return Err(Invalid::new(format!("duplicate entries for key {twice}")));
    }
    let live = Indexed::of(list, live)?;
    let out = Walk::new(list, &live, &wanted).run()?;
    Ok((!out.is_empty()).then_some(Value::Array(out)))
}

struct Indexed<'a> {
    keys: Vec<PathElement>,
    items: &'a [Value],
    by_key: BTreeMap<PathElement, &'a Value>,
    twice: Option<PathElement>,
}

impl<'a> Indexed<'a> {
    fn of(list: &List<'_>, items: &'a [Value]) -> Result<Self, Invalid> {
        let mut found = Self {
            keys: Vec::with_capacity(items.len()),
            items,
            by_key: BTreeMap::new(),
            twice: None,
        };
        for (at, item) in items.iter().enumerate() {
            let key = list_key::of(list, item).map_err(|problem| Invalid::item(at, &problem))?;
            // Which of several items is meant cannot be known, so none is merged.
            let known = found.by_key.contains_key(&key);
            found
                .by_key
                .insert(key.clone(), if known { &NULL } else { item });
            if known {
                found.twice.get_or_insert(key.clone());
            }
            found.keys.push(key);
        }
        Ok(found)
    }
}

struct Walk<'a> {
    list: &'a List<'a>,
    live: &'a Indexed<'a>,
    wanted: &'a Indexed<'a>,
    /// The keys that both lists have, in the order that is wanted.
    shared: std::vec::IntoIter<&'a PathElement>,
    next_shared: Option<&'a PathElement>,
    merged: BTreeSet<&'a PathElement>,
    out: Vec<Value>,
}

impl<'a> Walk<'a> {
    fn new(list: &'a List<'a>, live: &'a Indexed<'a>, wanted: &'a Indexed<'a>) -> Self {
        let shared = wanted.keys.iter();
        let shared = shared.filter(|key| live.by_key.contains_key(key));
        let mut shared = shared.collect::<Vec<_>>().into_iter();
        let next_shared = shared.next();
        Self {
            list,
            live,
            wanted,
            shared,
            next_shared,
            merged: BTreeSet::new(),
            out: Vec::with_capacity(live.items.len().max(wanted.items.len())),
        }
    }

    fn run(mut self) -> Result<Vec<Value>, Invalid> {
        let (mut old, mut new) = (0, 0);
        loop {
            match (self.live.keys.get(old), self.wanted.keys.get(new)) {
                (None, None) => return Ok(self.out),
                (Some(key), Some(wanted)) if key == wanted => {
                    self.take_wanted(wanted)?;
                    self.next_shared = self.shared.next();
                    old += 1;
                    new += 1;
                    continue;
                }
                (Some(key), Some(_)) if self.comes_later(key) => {
                    old += 1;
                    continue;
                }
                _ => {}
            }
            if let Some(key) = self.live.keys.get(old) {
                if !self.wanted.by_key.contains_key(key) {
                    self.take_live(old, key)?;
                    old += 1;
                    continue;
                }
                if self.merged.contains(key) {
                    old += 1;
                }
            }
            if let Some(wanted) = self.wanted.keys.get(new) {
                self.take_wanted(wanted)?;
                new += 1;
                if self.next_shared == Some(wanted) {
                    self.next_shared = self.shared.next();
                }
            }
        }
    }

    /// Whether an item of both lists is not the one whose turn it is.
    fn comes_later(&self, key: &PathElement) -> bool {
        self.wanted.by_key.contains_key(key) && self.next_shared.is_some_and(|next| next != key)
    }

    fn take_live(&mut self, at: usize, key: &PathElement) -> Result<(), Invalid> {
        let live = self.live.items.get(at);
        self.push(key, live, None)
    }

    fn take_wanted(&mut self, key: &'a PathElement) -> Result<(), Invalid> {
        self.merged.insert(key);
        let of = |side: &'a Indexed<'a>| side.by_key.get(key).copied();
        self.push(key, of(self.live), of(self.wanted))
    }

    fn push(
        &mut self,
        key: &PathElement,
        live: Option<&Value>,
        wanted: Option<&Value>,
    ) -> Result<(), Invalid> {
        let merged = super::value(self.list.item, live, wanted);
        self.out.extend(merged.map_err(|error| error.below(key))?);
        Ok(())
    }
}
