//! Rules of roles: what they allow, and which rules cover others.
//!
//! See <https://kubernetes.io/docs/reference/access-authn-authz/rbac/>.

use serde_json::{Value, json};

use crate::attributes::Attributes;

/// A rule, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) verbs: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) paths: Vec<String>,
}

impl Rule {
    /// All rules of a role.
    pub(crate) fn of_role(role: &Value) -> Vec<Self> {
        role["rules"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Self::read)
            .collect()
    }

    pub(crate) fn read(rule: &Value) -> Self {
        let list = |field: &str| {
            let items = rule[field].as_array().into_iter().flatten();
            items
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        Self {
            verbs: list("verbs"),
            groups: list("apiGroups"),
            resources: list("resources"),
            names: list("resourceNames"),
            paths: list("nonResourceURLs"),
        }
    }

    /// Whether the rule allows the request.
    pub(crate) fn allows(&self, attributes: &Attributes) -> bool {
        if !has(&self.verbs, &attributes.verb) {
            return false;
        }
        if !attributes.is_resource {
            return self
                .paths
                .iter()
                .any(|path| path_matches(path, &attributes.path));
        }
        has(&self.groups, &attributes.group)
            && self.allows_resource(&attributes.resource, &attributes.subresource)
            && (self.names.is_empty() || self.names.contains(&attributes.name))
    }

    fn allows_resource(&self, resource: &str, subresource: &str) -> bool {
        self.resources
            .iter()
            .any(|known| match known.split_once('/') {
                _ if known == "*" => true,
                None => subresource.is_empty() && known == resource,
                Some((parent, part)) => {
                    part == subresource
                        && !subresource.is_empty()
                        && (parent == "*" || parent == resource)
                }
            })
    }

    /// The rule as many rules of one verb, group, resource, name or path each.
    pub(crate) fn split(&self) -> Vec<Self> {
        let mut out = Vec::new();
        let names: Vec<Vec<String>> = match self.names.as_slice() {
            [] => vec![Vec::new()],
            names => names.iter().map(|name| vec![name.clone()]).collect(),
        };
        for verb in &self.verbs {
            for path in &self.paths {
                let (verbs, paths) = (vec![verb.clone()], vec![path.clone()]);
                out.push(Self {
                    verbs,
                    paths,
                    ..Self::default()
                });
            }
            for group in &self.groups {
                for resource in &self.resources {
                    for names in &names {
                        out.push(Self {
                            verbs: vec![verb.clone()],
                            groups: vec![group.clone()],
                            resources: vec![resource.clone()],
                            names: names.clone(),
                            paths: Vec::new(),
                        });
                    }
                }
            }
        }
        out
    }

    /// Whether whoever has this rule has the single rule `part` as well.
    pub(crate) fn covers(&self, part: &Self) -> bool {
        let all = |held: &[String], wanted: &[String]| wanted.iter().all(|it| has(held, it));
        if !part.paths.is_empty() {
            let paths = part.paths.iter();
            let covered = |path: &String| self.paths.iter().any(|held| path_matches(held, path));
            return all(&self.verbs, &part.verbs) && paths.clone().all(covered);
        }
        let names = self.names.is_empty()
            || (!part.names.is_empty() && part.names.iter().all(|name| self.names.contains(name)));
        let resource = |wanted: &String| match wanted.split_once('/') {
            Some((parent, sub)) => {
                self.resources.contains(wanted) || self.allows_resource(parent, sub)
            }
            None => has(&self.resources, wanted),
        };
        all(&self.verbs, &part.verbs)
            && all(&self.groups, &part.groups)
            && part.resources.iter().all(resource)
            && names
    }

    /// As `SelfSubjectRulesReview` tells.
    pub(crate) fn summary(&self) -> Value {
        let mut out = json!({"verbs": self.verbs});
        let lists = [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.paths),
        ];
        for (field, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            out[field] = json!(list);
        }
        out
    }
}

/// The rules of a list that another list does not cover.
pub(crate) fn missing_rules(held: &Value, wanted: &Value) -> Vec<Value> {
    let held: Vec<Rule> = held
        .as_array()
        .into_iter()
        .flatten()
        .map(Rule::read)
        .collect();
    let is_covered = |rule: &Value| {
        let parts = Rule::read(rule).split();
        parts
            .iter()
            .all(|part| held.iter().any(|rule| rule.covers(part)))
    };
    let wanted = wanted.as_array().into_iter().flatten();
    wanted.filter(|rule| !is_covered(rule)).cloned().collect()
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == "*" || item == wanted)
}

fn path_matches(rule: &str, path: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => rule == path,
    }
}

#[cfg(test)]
mod tests;
