//! Role-based access control: bindings lead from users and groups to roles, roles hold rules.
//!
//! Roles and bindings are read once, when they change, and bindings are kept by their subjects, so a
//! request costs as much as its user has bindings, however many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use serde_json::Value;

use super::rules::Rule;
use crate::attributes::{Attributes, Authorizer, Decision, RuleSummary, User};
use crate::objects::{Change, Objects};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Namespace (empty for the cluster) and name.
type Key = (String, String);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    User(String),
    Group(String),
}

#[derive(Debug, Clone)]
struct Binding {
    name: String,
    /// Empty for a binding of the whole cluster.
    namespace: String,
    /// Kind and name of the role.
    role: (String, String),
    subjects: Vec<Subject>,
}

#[derive(Debug, Default)]
struct Tables {
    roles: BTreeMap<Key, Arc<[Rule]>>,
    bindings: BTreeMap<Key, Arc<Binding>>,
    by_subject: BTreeMap<Subject, BTreeSet<Key>>,
}

/// The authorizer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rbac {
    tables: Arc<RwLock<Tables>>,
}

impl Rbac {
    /// Follows roles and bindings.
    pub(crate) fn new(objects: &Arc<dyn Objects>) -> Self {
        let rbac = Self::default();
        for resource in [
            "roles",
            "clusterroles",
            "rolebindings",
            "clusterrolebindings",
        ] {
            let followed = rbac.clone();
            let observer = move |change: Change<'_>| followed.tell(resource, change);
            objects.subscribe(GROUP, resource, Box::new(observer));
        }
        rbac
    }

    /// Takes a change over.
    pub(super) fn tell(&self, resource: &str, change: Change<'_>) {
        let mut tables = self.tables.write().expect("no holder of this lock panics");
        match resource {
            "roles" | "clusterroles" => tables.role(change),
            _ => tables.binding(change),
        }
    }

    /// Tells each rule of a user in a namespace, with where it comes from, until told to stop.
    fn visit(
        &self,
        (user, namespace): (&User, &str),
        mut see: impl FnMut(Result<&Rule, String>, &Binding) -> bool,
    ) {
        let tables = self.tables.read().expect("no holder of this lock panics");
        for binding in tables.bindings_of(user, namespace) {
            let (kind, name) = &binding.role;
            let holder = if kind == "Role" {
                binding.namespace.clone()
            } else {
                String::new()
            };
            let Some(rules) = tables.roles.get(&(holder, name.clone())) else {
                let resource = if kind == "Role" {
                    "role"
                } else {
                    "clusterrole"
                };
                let missing = format!("{resource}.{GROUP} {name:?} not found");
                if !see(Err(missing), &binding) {
                    return;
                }
                continue;
            };
            for rule in rules.iter() {
                if !see(Ok(rule), &binding) {
                    return;
                }
            }
        }
    }

    /// All rules of a user in a namespace.
    pub(crate) fn rules(&self, user: &User, namespace: &str) -> Vec<Rule> {
        let mut rules = Vec::new();
        self.visit((user, namespace), |rule, _| {
            rules.extend(rule.ok().cloned());
            true
        });
        rules
    }

    /// The rules of a role, if there is one.
    pub(crate) fn role(&self, namespace: &str, name: &str) -> Option<Arc<[Rule]>> {
        let tables = self.tables.read().expect("no holder of this lock panics");
        tables
            .roles
            .get(&(namespace.to_owned(), name.to_owned()))
            .cloned()
    }
}

#[async_trait]
impl Authorizer for Rbac {
    async fn authorize(&self, attributes: &Attributes) -> Decision {
        let mut allowed = None;
        let mut errors = Vec::new();
        let scope = (attributes.user.as_ref(), attributes.namespace.as_str());
        self.visit(scope, |rule, binding| match rule {
            Err(missing) => {
                errors.push(missing);
                true
            }
            Ok(rule) if rule.allows(attributes) => {
                allowed = Some(reason(binding, &attributes.user));
                false
            }
            Ok(_) => true,
        });
        match (allowed, errors.as_slice()) {
            (Some(reason), _) => Decision::Allow(reason),
            (None, []) => Decision::NoOpinion(String::new()),
            (None, [one]) => Decision::NoOpinion(format!("rbac: RBAC: {one}")),
            (None, many) => Decision::NoOpinion(format!("rbac: RBAC: [{}]", many.join(", "))),
        }
    }

    fn rules_for(&self, user: &User, namespace: &str) -> RuleSummary {
        let mut summary = RuleSummary::default();
        let mut errors = Vec::new();
        self.visit((user, namespace), |rule, _| {
            match rule {
                Ok(rule) if rule.paths.is_empty() => summary.resource_rules.push(rule.summary()),
                Ok(rule) => summary.non_resource_rules.push(rule.summary()),
                Err(missing) => errors.push(missing),
            }
            true
        });
        summary.evaluation_error = errors.join(", ");
        summary
    }
}

fn reason(binding: &Binding, user: &User) -> String {
    let kind = if binding.namespace.is_empty() {
        "ClusterRoleBinding"
    } else {
        "RoleBinding"
    };
    let place = match binding.namespace.as_str() {
        "" => binding.name.clone(),
        namespace => format!("{}/{namespace}", binding.name),
    };
    let subject = binding.subjects.iter().find_map(|subject| match subject {
        Subject::User(name) if *name == user.name => Some(format!("User {name:?}")),
        Subject::Group(name) if user.is_in(name) => Some(format!("Group {name:?}")),
        _ => None,
    });
    let (role_kind, role) = &binding.role;
    let subject = subject.unwrap_or_default();
    format!("RBAC: allowed by {kind} {place:?} of {role_kind} {role:?} to {subject}")
}

impl Tables {
    /// The cluster's bindings first, as upstream asks them.
    fn bindings_of(&self, user: &User, namespace: &str) -> Vec<Arc<Binding>> {
        let own = std::iter::once(Subject::User(user.name.clone()));
        let subjects = own.chain(user.groups.iter().cloned().map(Subject::Group));
        let keys: BTreeSet<&Key> = subjects
            .filter_map(|subject| self.by_subject.get(&subject))
            .flatten()
            .filter(|(place, _)| place.is_empty() || place == namespace)
            .collect();
        keys.into_iter()
            .filter_map(|key| self.bindings.get(key).cloned())
            .collect()
    }

    fn role(&mut self, change: Change<'_>) {
        match change {
            Change::Applied { new, .. } => {
                self.roles.insert(key(new), Rule::of_role(new).into());
            }
            Change::Deleted(last) => {
                self.roles.remove(&key(last));
            }
        }
    }

    fn binding(&mut self, change: Change<'_>) {
        let (object, is_there) = match change {
            Change::Applied { new, .. } => (new, true),
            Change::Deleted(last) => (last, false),
        };
        let key = key(object);
        if let Some(old) = self.bindings.remove(&key) {
            for subject in &old.subjects {
                if let Some(keys) = self.by_subject.get_mut(subject) {
                    keys.remove(&key);
                }
            }
        }
        if is_there {
            let binding = read_binding(object, &key);
            for subject in &binding.subjects {
                self.by_subject
                    .entry(subject.clone())
                    .or_default()
                    .insert(key.clone());
            }
            self.bindings.insert(key, Arc::new(binding));
        }
    }
}

fn key(object: &Value) -> Key {
    let text = |field: &str| {
        object["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (text("namespace"), text("name"))
}

fn read_binding(object: &Value, (namespace, name): &Key) -> Binding {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let subjects = object["subjects"].as_array().into_iter().flatten();
    let subjects = subjects.filter_map(|subject| {
        let name = text(&subject["name"]);
        match subject["kind"].as_str()? {
            "User" => Some(Subject::User(name)),
            "Group" => Some(Subject::Group(name)),
            "ServiceAccount" => {
                let place = subject["namespace"].as_str().unwrap_or(namespace);
                Some(Subject::User(format!(
                    "system:serviceaccount:{place}:{name}"
                )))
            }
            _ => None,
        }
    });
    Binding {
        name: name.clone(),
        namespace: namespace.clone(),
        role: (
            text(&object["roleRef"]["kind"]),
            text(&object["roleRef"]["name"]),
        ),
        subjects: subjects.collect(),
    }
}

#[cfg(test)]
mod tests;
