//! `metadata.managedFields`, read and written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use styr_meta::field::quoted;

use super::field_set::FieldSet;

/// How a manager came to own its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Apply,
    Update,
}

/// Who an entry belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManagerId {
    pub manager: String,
    pub operation: Operation,
    /// Empty for those that apply: they have one entry, whatever version they apply.
    pub api_version: String,
    pub subresource: String,
}

/// What a manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) set: FieldSet,
    pub(super) api_version: String,
}

/// All managers of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Managers {
    pub(super) owned: BTreeMap<ManagerId, Owned>,
    /// When each of them last changed something, in RFC 3339. Outlives what they own.
    pub(super) times: BTreeMap<ManagerId, String>,
}

impl ManagerId {
    pub(super) fn new(
        manager: &str,
        operation: Operation,
        (api_version, subresource): (&str, &str),
    ) -> Self {
        let name = if manager.is_empty() {
            "unknown"
        } else {
            manager
        };
        let api_version = match operation {
            Operation::Apply => "",
            Operation::Update => api_version,
        };
        Self {
            manager: name.to_owned(),
            operation,
            api_version: api_version.to_owned(),
            subresource: subresource.to_owned(),
        }
    }
}

impl Operation {
    fn text(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

impl Managers {
    pub(super) fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    /// Reads entries, in upstream's words if that cannot be done.
    pub(super) fn decode(entries: &[Value]) -> Result<Self, String> {
        let mut managers = Self::default();
        for (at, entry) in entries.iter().enumerate() {
            let (name, api_version) = identify(entry, at)?;
            let id = name.into_id();
            let set = match entry.get("fieldsV1") {
                None | Some(Value::Null) => FieldSet::new(),
                Some(tree) => FieldSet::from_value(tree)
                    .map_err(|error| format!("error decoding versioned set: {error}"))?,
            };
            match entry.get("time").and_then(Value::as_str) {
                Some(time) => managers.times.insert(id.clone(), time.to_owned()),
                None => managers.times.remove(&id),
            };
            let api_version = api_version.to_owned();
            managers.owned.insert(id, Owned { set, api_version });
        }
        Ok(managers)
    }

    /// The entries, sorted by operation, time and name; nothing if there are none.
    pub(super) fn encode(&self) -> Option<Value> {
        if self.is_empty() {
            return None;
        }
        let mut ids: Vec<(&ManagerId, &Owned)> = self.owned.iter().collect();
        ids.sort_by(|(a, a_owned), (b, b_owned)| {
            let key = |id: &ManagerId| (id.operation, self.seconds(id));
            let rest = |id: &ManagerId| (id.manager.clone(), id.subresource.clone());
            let (a_rest, b_rest) = (rest(a), rest(b));
            let versions = a_owned.api_version.cmp(&b_owned.api_version);
            let names = a_rest.0.cmp(&b_rest.0).then(versions);
            key(a)
                .cmp(&key(b))
                .then(names)
                .then(a_rest.1.cmp(&b_rest.1))
        });
        let entries = ids.into_iter().map(|(id, owned)| self.entry(id, owned));
        Some(entries.collect())
    }

    fn entry(&self, id: &ManagerId, owned: &Owned) -> Value {
        let mut entry = Map::new();
        entry.insert("manager".to_owned(), json!(id.manager));
        entry.insert("operation".to_owned(), json!(id.operation.text()));
        entry.insert("apiVersion".to_owned(), json!(owned.api_version));
        if let Some(time) = self.times.get(id) {
            entry.insert("time".to_owned(), json!(time));
        }
        entry.insert("fieldsType".to_owned(), json!("FieldsV1"));
        entry.insert("fieldsV1".to_owned(), owned.set.to_value());
        if !id.subresource.is_empty() {
            entry.insert("subresource".to_owned(), json!(id.subresource));
        }
        Value::Object(entry)
    }

    pub(super) fn seconds(&self, id: &ManagerId) -> i64 {
        seconds(self.times.get(id).map(String::as_str))
    }
}

/// A time as upstream compares them.
pub(super) fn seconds(time: Option<&str>) -> i64 {
    let time = time.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    time.map_or(0, jiff::Timestamp::as_second)
}

/// A manager as its entry names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'a> {
    manager: &'a str,
    operation: Operation,
    api_version: &'a str,
    subresource: &'a str,
}

impl Name<'_> {
    pub(super) fn is(&self, id: &ManagerId) -> bool {
        self.manager == id.manager
            && self.operation == id.operation
            && self.api_version == id.api_version
            && self.subresource == id.subresource
    }

    fn into_id(self) -> ManagerId {
        ManagerId {
            manager: self.manager.to_owned(),
            operation: self.operation,
            api_version: self.api_version.to_owned(),
            subresource: self.subresource.to_owned(),
        }
    }
}

/// Who an entry belongs to, and the version that its fields are of.
pub(super) fn identify(entry: &Value, at: usize) -> Result<(Name<'_>, &str), String> {
    let text = |name: &str| {
        let value = entry.get(name).and_then(Value::as_str);
        value.unwrap_or_default()
    };
    let operation = match text("operation") {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return Err("operation must be `Apply` or `Update`".to_owned()),
    };
    let api_version = text("apiVersion");
    if api_version.is_empty() {
        return Err("apiVersion must not be empty".to_owned());
    }
    match text("fieldsType") {
        "FieldsV1" => {}
        "" => return Err(format!("missing fieldsType in managed fields entry {at}")),
        other => {
            let other = quoted(other);
            return Err(format!(
                "invalid fieldsType {other} in managed fields entry {at}"
            ));
        }
    }
    let id = Name {
        manager: text("manager"),
        operation,
        api_version: match operation {
            Operation::Apply => "",
            Operation::Update => api_version,
        },
        subresource: text("subresource"),
    };
    Ok((id, api_version))
}

/// The entries of an object.
pub(super) fn entries(object: &Value) -> &[Value] {
    let found = object.pointer("/metadata/managedFields");
    found.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Replaces the entries of an object, and answers those that it had.
pub(super) fn replace(object: &mut Value, entries: Option<Value>) -> Option<Value> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    match entries {
        Some(entries) => metadata.insert("managedFields".to_owned(), entries),
        None => metadata.remove("managedFields"),
    }
}
