//! What follows from the table for every kind: who writes the status, and what the generation counts.

use serde_json::{Map, Value};
use styr_meta::{FieldError, object};

use crate::kind::Column;
use crate::rules::{Context, Generation, Graceful, NameRule, Requester, Rules};
use crate::{cells, tree};

/// A kind's own rules with the common ones around them.
pub(crate) struct TableRules {
    pub(crate) own: &'static dyn Rules,
    pub(crate) has_status: bool,
    pub(crate) generation: Generation,
    pub(crate) columns: Vec<Column>,
}

impl TableRules {
    fn set_generation(&self, new: &mut Value, old: &Value) {
        if !self.generation.counts && self.generation.bumped_by.is_empty() {
            return;
        }
        let by_path = || {
            self.generation
                .bumped_by
                .iter()
                .any(|path| !tree::same(tree::at(new, path), tree::at(old, path)))
        };
        let changed = self.own.is_new_generation(new, old).unwrap_or_else(by_path);
        let generation = object::generation(old) + i64::from(changed);
        if generation > 0 {
            object::set_generation(new, generation);
        }
    }
}

impl Rules for TableRules {
    fn default(&self, object: &mut Value) {
        self.own.default(object);
    }

    fn prepare_create(&self, object: &mut Value, cx: &Context) {
        if self.has_status && !self.own.takes_status_on_create() {
            tree::remove(object, "status");
        }
        let metadata = object::metadata_mut(object);
        metadata.remove("generation");
        if self.generation.counts {
            metadata.insert("generation".to_owned(), 1.into());
        }
        self.own.prepare_create(object, cx);
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, cx: &Context) {
        if self.has_status {
            tree::copy(object, old, "status");
        }
        self.own.prepare_update(object, old, cx);
        self.set_generation(object, old);
    }

    fn prepare_status_update(&self, object: &mut Value, old: &Value, cx: &Context) {
        let mut kept = old.as_object().cloned().unwrap_or_else(Map::new);
        if let Value::Object(new) = object {
            for field in ["metadata", "status"] {
                match new.remove(field) {
                    Some(value) => kept.insert(field.to_owned(), value),
                    None => kept.remove(field),
                };
            }
        }
        *object = Value::Object(kept);
        self.own.prepare_status_update(object, old, cx);
    }

    fn set_requester(&self, object: &mut Value, requester: &Requester) {
        self.own.set_requester(object, requester);
    }

    fn takes_status_on_create(&self) -> bool {
        self.own.takes_status_on_create()
    }

    fn validate(&self, object: &Value, cx: &Context) -> Vec<FieldError> {
        self.own.validate(object, cx)
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        self.own.validate_update(object, old, cx)
    }

    fn validate_status_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        self.own.validate_status_update(object, old, cx)
    }

    fn name_rule(&self) -> NameRule {
        self.own.name_rule()
    }

    fn allow_create_on_update(&self) -> bool {
        self.own.allow_create_on_update()
    }

    fn allow_unconditional_update(&self) -> bool {
        self.own.allow_unconditional_update()
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        if let Some(text) = self.own.selectable(object, field) {
            return Some(text);
        }
        match tree::at(object, field) {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn arrange(&self, objects: &mut [Value]) {
        self.own.arrange(objects);
    }

    fn cells(&self, object: &Value, cx: &Context) -> Option<Vec<Value>> {
        let cell = |column: &Column| {
            self.own
                .cell(&column.name, object, cx)
                .unwrap_or_else(|| cells::by_path(column, object, cx.now))
        };
        Some(
            self.own
                .cells(object, cx)
                .unwrap_or_else(|| self.columns.iter().map(cell).collect()),
        )
    }

    fn to_storage(&self, object: &mut Value) {
        self.own.to_storage(object);
    }

    fn from_storage(&self, object: &mut Value) {
        self.own.from_storage(object);
    }

    fn graceful_delete(&self, object: &Value, requested: Option<i64>) -> Graceful {
        self.own.graceful_delete(object, requested)
    }

    fn warnings(&self, object: &Value, old: Option<&Value>, cx: &Context) -> Vec<String> {
        self.own.warnings(object, old, cx)
    }
}
