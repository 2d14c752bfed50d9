//! What the server does to the metadata of every object, and the rules that all kinds share.

use jiff::Timestamp;
use rand::Rng;
use serde_json::{Map, Value};
use styr_api::Kind;
use styr_meta::FieldError;

/// The letters of generated names: no vowels, so no words.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LEN: usize = 5;
/// A generated name stays a label value.
const NAME_MAX: usize = 63;

/// A text of the metadata; empty if it is not there.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or("")
}

fn fields(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = Value::Object(Map::new());
    }
    object["metadata"].as_object_mut().expect("just made one")
}

/// Replaces `generateName` by a name.
pub(crate) fn generate_name(object: &mut Value) {
    let base: String = text(object, "generateName")
        .chars()
        .take(NAME_MAX - SUFFIX_LEN)
        .collect();
    let mut random = rand::rng();
    let suffix: String = (0..SUFFIX_LEN)
        .map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]))
        .collect();
    fields(object).insert("name".to_owned(), Value::String(base + &suffix));
}

/// Removes what only the server sets.
pub(crate) fn wipe_system_fields(object: &mut Value) {
    let metadata = fields(object);
    for field in [
        "creationTimestamp",
        "uid",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "resourceVersion",
    ] {
        metadata.remove(field);
    }
}

/// Sets what the server sets on a new object.
pub(super) fn initialize(object: &mut Value, now: Timestamp) {
    wipe_system_fields(object);
    let metadata = fields(object);
    let uid = uuid::Uuid::new_v4().to_string();
    metadata.insert("uid".to_owned(), Value::String(uid));
    metadata.insert("creationTimestamp".to_owned(), Value::String(time(now)));
}

/// A time as Kubernetes writes it.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Who owns which field, while rules go over the object: it was settled before them.
pub(super) fn take_managers(object: &mut Value) -> Option<Value> {
    fields(object).remove("managedFields")
}

pub(super) fn put_managers(object: &mut Value, managers: Option<Value>) {
    match managers {
        Some(managers) => fields(object).insert("managedFields".to_owned(), managers),
        None => fields(object).remove("managedFields"),
    };
}

/// A writer cannot set the generation.
pub(super) fn keep_generation(new: &mut Value, old: &Value) {
    keep(new, old, "generation");
}

/// Puts back what an update cannot change.
pub(super) fn keep_system_fields(new: &mut Value, old: &Value) {
    if text(new, "uid").is_empty() {
        keep(new, old, "uid");
    }
    if !old["metadata"]["creationTimestamp"].is_null() {
        keep(new, old, "creationTimestamp");
    }
    if !old["metadata"]["deletionTimestamp"].is_null() {
        keep(new, old, "deletionTimestamp");
    }
    if new["metadata"]["deletionGracePeriodSeconds"].is_null() {
        keep(new, old, "deletionGracePeriodSeconds");
    }
    fields(new).remove("selfLink");
}

fn keep(new: &mut Value, old: &Value, field: &str) {
    match &old["metadata"][field] {
        Value::Null => {
            fields(new).remove(field);
        }
        value => {
            fields(new).insert(field.to_owned(), value.clone());
        }
    }
}

pub(super) fn finalizers(object: &Value) -> Vec<String> {
    let list = object["metadata"]["finalizers"].as_array();
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

pub(super) fn set_finalizers(object: &mut Value, finalizers: Vec<String>) {
    let metadata = fields(object);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".to_owned(), finalizers.into());
    }
}

pub(super) fn set_deletion_time(object: &mut Value, at: Timestamp) {
    fields(object).insert("deletionTimestamp".to_owned(), Value::String(time(at)));
}

pub(super) fn set_grace(object: &mut Value, seconds: i64) {
    fields(object).insert("deletionGracePeriodSeconds".to_owned(), seconds.into());
}

pub(super) fn bump_generation(object: &mut Value) {
    let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
    if generation > 0 {
        fields(object).insert("generation".to_owned(), (generation + 1).into());
    }
}

/// Upstream's `ShouldDeleteDuringUpdate`: the update leaves nothing for the object to wait for.
pub(super) fn is_to_be_removed(new: &Value, old: &Value) -> bool {
    let grace = old["metadata"]["deletionGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(0);
    finalizers(new).is_empty() && !text(old, "deletionTimestamp").is_empty() && grace == 0
}

/// Rules for new objects that hold for every kind.
pub(super) fn validate_create(kind: &Kind, object: &Value) -> Vec<FieldError> {
    styr_api::metadata::validate(kind, object)
}

/// Rules for changes that hold for every kind.
pub(super) fn validate_update(kind: &Kind, new: &Value, old: &Value) -> Vec<FieldError> {
    styr_api::metadata::validate_update(kind, new, old)
}
