//! Nobody may grant what they do not have: roles and bindings are checked when they are written.
//!
//! The verbs `escalate` and `bind` on the role lift the check.
//! See <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_meta::Status;

use super::rbac::Rbac;
use super::rules::Rule;
use crate::attributes::{
    Admission, AdmissionAttributes, Attributes, Authorizer, Decision, Operation,
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Checks roles and bindings after admission.
#[derive(Debug)]
pub(crate) struct Escalation {
    pub(crate) rbac: Arc<Rbac>,
    pub(crate) authorizers: Vec<Arc<dyn Authorizer>>,
}

#[async_trait]
impl Admission for Escalation {
    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    async fn validate(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        if attributes.kind.group != GROUP || !attributes.subresource.is_empty() {
            return Ok(());
        }
        let Some(object) = attributes.object.as_deref() else {
            return Ok(());
        };
        if attributes.user.is_in("system:masters") || is_collection(attributes, object) {
            return Ok(());
        }
        match attributes.kind.plural.as_str() {
            "roles" | "clusterroles" => self.role(attributes, object).await,
            _ => self.binding(attributes, object).await,
        }
    }
}

/// Whether a write does no more than the garbage collector must: then it needs no rights.
fn is_collection(attributes: &AdmissionAttributes<'_>, object: &Value) -> bool {
    let rest = |object: &Value| {
        let mut rest = object.clone();
        if let Some(metadata) = rest["metadata"].as_object_mut() {
            for field in [
                "finalizers",
                "ownerReferences",
                "resourceVersion",
                "managedFields",
            ] {
                metadata.remove(field);
            }
        }
        rest
    };
    attributes
        .old_object
        .is_some_and(|old| rest(old) == rest(object))
}

impl Escalation {
    async fn role(&self, attributes: &AdmissionAttributes<'_>, role: &Value) -> Result<(), Status> {
        // The request that creates a role does not name it.
        let name = attributes.old_object.map_or("", |_| attributes.name);
        let resource = attributes.kind.plural.as_str();
        if self.may(attributes, "escalate", (resource, name)).await {
            return Ok(());
        }
        self.confirm(attributes, &Rule::of_role(role))?;
        let aggregates = |role: &Value| {
            let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array();
            selectors.is_some_and(|selectors| !selectors.is_empty())
        };
        // Such a role may come to hold anything.
        let is_aggregated = aggregates(role) || attributes.old_object.is_some_and(aggregates);
        if is_aggregated && self.confirm(attributes, &everything()).is_err() {
            let why = "must have cluster-admin privileges to use the aggregationRule";
            let resource = crate::status::resource(attributes.kind);
            return Err(Status::forbidden(resource, attributes.name, why));
        }
        Ok(())
    }

    async fn binding(
        &self,
        attributes: &AdmissionAttributes<'_>,
        binding: &Value,
    ) -> Result<(), Status> {
        let name = binding["roleRef"]["name"].as_str().unwrap_or_default();
        let (place, resource) = match binding["roleRef"]["kind"].as_str() {
            Some("Role") => (attributes.namespace, "roles"),
            _ => ("", "clusterroles"),
        };
        if self.may(attributes, "bind", (resource, name)).await {
            return Ok(());
        }
        // Nobody knows what a role will hold that is not there yet.
        let Some(rules) = self.rbac.role(place, name) else {
            return Err(Status::not_found(
                crate::status::resource(attributes.kind),
                name,
            ));
        };
        self.confirm(attributes, &rules)
    }

    /// The sender must hold all of these rules.
    fn confirm(
        &self,
        attributes: &AdmissionAttributes<'_>,
        granted: &[Rule],
    ) -> Result<(), Status> {
        let held = self.rbac.rules(attributes.user, attributes.namespace);
        let parts = granted.iter().flat_map(Rule::split);
        let missing: Vec<Rule> = parts
            .filter(|part| !held.iter().any(|rule| rule.covers(part)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(refusal(attributes, &missing))
    }

    async fn may(
        &self,
        attributes: &AdmissionAttributes<'_>,
        verb: &str,
        (resource, name): (&str, &str),
    ) -> bool {
        let asked = Attributes {
            user: Arc::new(attributes.user.clone()),
            verb: verb.to_owned(),
            namespace: attributes.namespace.to_owned(),
            group: GROUP.to_owned(),
            version: "v1".to_owned(),
            resource: resource.to_owned(),
            name: name.to_owned(),
            is_resource: true,
            ..Attributes::default()
        };
        for authorizer in &self.authorizers {
            match authorizer.authorize(&asked).await {
                Decision::Allow(_) => return true,
                Decision::Deny(_) => return false,
                Decision::NoOpinion(_) => {}
            }
        }
        false
    }
}

fn everything() -> [Rule; 2] {
    let all = || vec!["*".to_owned()];
    let resources = Rule {
        verbs: all(),
        groups: all(),
        resources: all(),
        ..Rule::default()
    };
    let paths = Rule {
        verbs: all(),
        paths: all(),
        ..Rule::default()
    };
    [resources, paths]
}

fn refusal(attributes: &AdmissionAttributes<'_>, missing: &[Rule]) -> Status {
    let user = attributes.user;
    let lines: BTreeSet<String> = compacted(missing).iter().map(describe).collect();
    let lines: Vec<String> = lines.into_iter().collect();
    let groups: Vec<String> = user
        .groups
        .iter()
        .map(|group| format!("{group:?}"))
        .collect();
    let why = format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        groups.join(" "),
        lines.join("\n")
    );
    let resource = crate::status::resource(attributes.kind);
    Status::forbidden(resource, attributes.name, why)
}

/// Rules that differ by their verb only, as one.
fn compacted(parts: &[Rule]) -> Vec<Rule> {
    let mut out: Vec<Rule> = Vec::new();
    for part in parts {
        let same = out.iter_mut().find(|known| {
            known.paths.is_empty()
                && part.paths.is_empty()
                && known.groups == part.groups
                && known.resources == part.resources
                && known.names == part.names
        });
        match same {
            Some(known) => known.verbs.extend(part.verbs.iter().cloned()),
            None => out.push(part.clone()),
        }
    }
    out
}

fn describe(rule: &Rule) -> String {
    let list = |name: &str, items: &[String]| {
        let quoted: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
        format!("{name}:[{}]", quoted.join(" "))
    };
    let mut parts = Vec::new();
    let fields = [
        ("APIGroups", &rule.groups),
        ("Resources", &rule.resources),
        ("ResourceNames", &rule.names),
        ("NonResourceURLs", &rule.paths),
        ("Verbs", &rule.verbs),
    ];
    for (name, items) in fields.into_iter().filter(|(_, items)| !items.is_empty()) {
        parts.push(list(name, items));
    }
    format!("{{{}}}", parts.join(", "))
}

#[cfg(test)]
mod tests;
