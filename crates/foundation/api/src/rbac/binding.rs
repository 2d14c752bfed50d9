//! `RoleBinding` and `ClusterRoleBinding`: <https://kubernetes.io/docs/reference/access-authn-authz/rbac/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::metadata::check_name;
use crate::rules::{Context, NameRule, Rules};
use crate::tree;

pub(crate) struct Binding {
    pub(crate) namespaced: bool,
}

const GROUP: &str = "rbac.authorization.k8s.io";

impl Rules for Binding {
    fn default(&self, object: &mut Value) {
        for subject in tree::items_mut(object, "subjects") {
            if matches!(tree::text(subject, "kind"), "User" | "Group") {
                tree::set_if_zero(subject, "apiGroup", GROUP);
            }
        }
        if let Some(role) = object.get_mut("roleRef").filter(|it| it.is_object()) {
            tree::set_if_zero(role, "apiGroup", GROUP);
        }
    }

    fn name_rule(&self) -> NameRule {
        NameRule::PathSegment
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = self.role(tree::at(object, "roleRef"));
        let path = Path::root("subjects");
        for (index, subject) in tree::items(object, "subjects").iter().enumerate() {
            errors.extend(subject_errors(subject, &path.index(index), self.namespaced));
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        let role = tree::at(object, "roleRef");
        if !tree::same(role, tree::at(old, "roleRef")) {
            errors.push(FieldError::invalid(
                "roleRef",
                role.clone(),
                "field is immutable",
            ));
        }
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let named = |kind: &str| {
            let subjects = tree::items(object, "subjects").iter();
            let found = subjects
                .filter(|it| tree::text(it, "kind") == kind)
                .map(|it| {
                    let (namespace, name) = (tree::text(it, "namespace"), tree::text(it, "name"));
                    if kind == "ServiceAccount" {
                        format!("{namespace}/{name}")
                    } else {
                        name.to_owned()
                    }
                });
            json!(found.collect::<Vec<_>>().join(", "))
        };
        let role = tree::at(object, "roleRef");
        match column {
            "Role" => {
                let (kind, name) = (tree::text(role, "kind"), tree::text(role, "name"));
                Some(json!(format!("{kind}/{name}")))
            }
            "Users" => Some(named("User")),
            "Groups" => Some(named("Group")),
            "ServiceAccounts" => Some(named("ServiceAccount")),
            _ => None,
        }
    }
}

impl Binding {
    fn role(&self, role: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let path = Path::root("roleRef");
        let group = tree::text(role, "apiGroup");
        if group != GROUP {
            errors.push(FieldError::not_supported(
                path.child("apiGroup"),
                group,
                &[GROUP],
            ));
        }
        let kinds: &[&str] = if self.namespaced {
            &["Role", "ClusterRole"]
        } else {
            &["ClusterRole"]
        };
        let kind = tree::text(role, "kind");
        if !kinds.contains(&kind) {
            errors.push(FieldError::not_supported(path.child("kind"), kind, kinds));
        }
        match tree::text(role, "name") {
            "" => errors.push(FieldError::required(path.child("name"), "")),
            name => {
                for text in check_name(NameRule::PathSegment, name) {
                    errors.push(FieldError::invalid(path.child("name"), name, text));
                }
            }
        }
        errors
    }
}

fn subject_errors(subject: &Value, path: &Path, namespaced: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let text = |field: &str| tree::text(subject, field);
    let (name, group, kind) = (text("name"), text("apiGroup"), text("kind"));
    if name.is_empty() {
        errors.push(FieldError::required(path.child("name"), ""));
    }
    match kind {
        "ServiceAccount" => {
            if !name.is_empty() {
                for text in names::dns1123_subdomain(name) {
                    errors.push(FieldError::invalid(path.child("name"), name, text));
                }
            }
            if !group.is_empty() {
                errors.push(FieldError::not_supported(
                    path.child("apiGroup"),
                    group,
                    &[""],
                ));
            }
            if !namespaced && text("namespace").is_empty() {
                errors.push(FieldError::required(path.child("namespace"), ""));
            }
        }
        "User" | "Group" if group != GROUP => {
            errors.push(FieldError::not_supported(
                path.child("apiGroup"),
                group,
                &[GROUP],
            ));
        }
        "User" | "Group" => {}
        _ => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.push(FieldError::not_supported(path.child("kind"), kind, &kinds));
        }
    }
    errors
}
