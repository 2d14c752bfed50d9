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
        let is_role = matches!(attributes.kind.plural.as_str(), "roles" | "clusterroles");
        let field = if is_role { "rules" } else { "roleRef" };
        let unchanged = attributes
            .old_object
            .is_some_and(|old| old[field] == object[field]);
        if unchanged
            && (is_role
                || attributes
                    .old_object
                    .is_some_and(|old| old["subjects"] == object["subjects"]))
        {
            return Ok(());
        }
        let (granted, verb, resource, name) = if is_role {
            let plural = attributes.kind.plural.clone();
            (
                Rule::of_role(object),
                "escalate",
                plural,
                attributes.name.to_owned(),
            )
        } else {
            let (rules, resource, name) = self.referenced(attributes.namespace, object);
            (rules, "bind", resource, name)
        };
        let user = attributes.user;
        if user.is_in("system:masters") || self.may(attributes, verb, (&resource, &name)).await {
            return Ok(());
        }
        let held = self.rbac.rules(user, attributes.namespace);
        let parts = granted.iter().flat_map(Rule::split);
        let missing: Vec<Rule> = parts
            .filter(|part| !held.iter().any(|rule| rule.covers(part)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(refusal(attributes, &missing))
    }
}

impl Escalation {
    fn referenced(&self, namespace: &str, binding: &Value) -> (Vec<Rule>, String, String) {
        let name = binding["roleRef"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let (place, resource) = match binding["roleRef"]["kind"].as_str() {
            Some("Role") => (namespace, "roles"),
            _ => ("", "clusterroles"),
        };
        let rules = self.rbac.role(place, &name).map(|rules| rules.to_vec());
        (rules.unwrap_or_default(), resource.to_owned(), name)
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
