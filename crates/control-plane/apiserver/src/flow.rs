//! Which flow a request belongs to, by the FlowSchemas: upstream's classification.
//!
//! Answers carry the schema and its priority level; how many requests are answered at a time is
//! bounded by `limits` for all of them together.

use std::sync::{Arc, RwLock};

use serde_json::Value;

use crate::attributes::User;
use crate::objects::{Change, Objects};
use crate::request::RequestInfo;

const GROUP: &str = "flowcontrol.apiserver.k8s.io";

/// The schemas, most important first, and the levels that they name.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    schemas: Arc<RwLock<Vec<Schema>>>,
    levels: Arc<RwLock<Vec<(String, String)>>>,
}

#[derive(Debug, Clone)]
struct Schema {
    precedence: i64,
    name: String,
    uid: String,
    level: String,
    rules: Value,
}

/// What an answer tells: the uids of the schema and of its level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) schema_uid: String,
    pub(crate) level_uid: String,
}

impl Flows {
    /// Follows the schemas and levels that are stored.
    pub(crate) fn new(objects: &dyn Objects) -> Self {
        let flows = Self::default();
        let schemas = Arc::clone(&flows.schemas);
        objects.subscribe(
            GROUP,
            "flowschemas",
            Box::new(move |change| keep(&schemas, change)),
        );
        let levels = Arc::clone(&flows.levels);
        let observer = Box::new(move |change: Change<'_>| keep_level(&levels, change));
        objects.subscribe(GROUP, "prioritylevelconfigurations", observer);
        flows
    }

    /// The first schema that matches.
    pub(crate) fn of(&self, user: &User, info: &RequestInfo) -> Option<Flow> {
        let schemas = self.schemas.read().expect("no holder of this lock panics");
        let schema = schemas.iter().find(|schema| schema.matches(user, info))?;
        let levels = self.levels.read().expect("no holder of this lock panics");
        let level = levels.iter().find(|(name, _)| *name == schema.level);
        Some(Flow {
            schema_uid: schema.uid.clone(),
            level_uid: level.map(|(_, uid)| uid.clone()).unwrap_or_default(),
        })
    }
}

fn keep(schemas: &RwLock<Vec<Schema>>, change: Change<'_>) {
    let mut schemas = schemas.write().expect("no holder of this lock panics");
    let (Change::Applied { new: object, .. } | Change::Deleted(object)) = change;
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let name = text(&object["metadata"]["name"]);
    schemas.retain(|schema| schema.name != name);
    if let Change::Applied { new, .. } = change {
        schemas.push(Schema {
            precedence: new["spec"]["matchingPrecedence"].as_i64().unwrap_or(1000),
            name,
            uid: text(&new["metadata"]["uid"]),
            level: text(&new["spec"]["priorityLevelConfiguration"]["name"]),
            rules: new["spec"]["rules"].clone(),
        });
        schemas.sort_by(|a, b| (a.precedence, &a.name).cmp(&(b.precedence, &b.name)));
    }
}

fn keep_level(levels: &RwLock<Vec<(String, String)>>, change: Change<'_>) {
    let mut levels = levels.write().expect("no holder of this lock panics");
    let (Change::Applied { new: object, .. } | Change::Deleted(object)) = change;
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or("").to_owned();
    levels.retain(|(name, _)| *name != text("name"));
    if matches!(change, Change::Applied { .. }) {
        levels.push((text("name"), text("uid")));
    }
}

impl Schema {
    fn matches(&self, user: &User, info: &RequestInfo) -> bool {
        list(&self.rules).any(|rule| {
            let about = if info.is_resource {
                "resourceRules"
            } else {
                "nonResourceRules"
            };
            list(&rule["subjects"]).any(|subject| is_subject(subject, user))
                && list(&rule[about]).any(|rule| covers(rule, info))
        })
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn has(value: &Value, wanted: &str) -> bool {
    list(value).any(|it| it == "*" || it == wanted)
}

fn is_subject(subject: &Value, user: &User) -> bool {
    let name = |field: &str| subject[field]["name"].as_str().unwrap_or("");
    match subject["kind"].as_str().unwrap_or("") {
        "User" => name("user") == "*" || name("user") == user.name,
        "Group" => name("group") == "*" || user.is_in(name("group")),
        "ServiceAccount" => {
            let namespace = subject["serviceAccount"]["namespace"]
                .as_str()
                .unwrap_or("");
            let prefix = format!("system:serviceaccount:{namespace}:");
            let account = user.name.strip_prefix(&prefix);
            account.is_some_and(|it| name("serviceAccount") == "*" || it == name("serviceAccount"))
        }
        _ => false,
    }
}

fn covers(rule: &Value, info: &RequestInfo) -> bool {
    if !has(&rule["verbs"], &info.verb) {
        return false;
    }
    if !info.is_resource {
        return list(&rule["nonResourceURLs"])
            .filter_map(Value::as_str)
            .any(|url| {
                url == "*"
                    || url == info.path
                    || url
                        .strip_suffix('*')
                        .is_some_and(|prefix| info.path.starts_with(prefix))
            });
    }
    let resource = match info.subresource.as_str() {
        "" => info.resource.clone(),
        subresource => format!("{}/{subresource}", info.resource),
    };
    let in_scope = if info.namespace.is_empty() {
        rule["clusterScope"] == true
    } else {
        has(&rule["namespaces"], &info.namespace)
    };
    in_scope && has(&rule["apiGroups"], &info.group) && has(&rule["resources"], &resource)
}

#[cfg(test)]
mod tests;
