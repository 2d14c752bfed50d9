//! Role and `ClusterRole`: <https://kubernetes.io/docs/reference/access-authn-authz/rbac/>.

use serde_json::Value;
use styr_meta::FieldError;
use styr_meta::field::Path;

use crate::rules::{Context, NameRule, Rules};
use crate::tree;

pub(crate) struct Role {
    pub(crate) namespaced: bool,
}

impl Rules for Role {
    fn name_rule(&self) -> NameRule {
        NameRule::PathSegment
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let path = Path::root("rules");
        for (index, rule) in tree::items(object, "rules").iter().enumerate() {
            errors.extend(self.rule(rule, &path.index(index)));
        }
        errors
    }
}

impl Role {
    fn rule(&self, rule: &Value, path: &Path) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let has = |field: &str| !tree::items(rule, field).is_empty();
        if !has("verbs") {
            errors.push(FieldError::required(path.child("verbs"), ""));
        }
        if has("nonResourceURLs") {
            let urls = tree::at(rule, "nonResourceURLs").clone();
            let at = path.child("nonResourceURLs");
            if self.namespaced {
                let text = "namespaced rules cannot apply to non-resource URLs";
                errors.push(FieldError::invalid(&at, urls.clone(), text));
            }
            if has("apiGroups") || has("resources") || has("resourceNames") {
                let text = "rules cannot apply to both regular resources and non-resource URLs";
                errors.push(FieldError::invalid(&at, urls, text));
            }
            return errors;
        }
        if !has("apiGroups") {
            let text = "resource rules must supply at least one api group";
            errors.push(FieldError::required(path.child("apiGroups"), text));
        }
        if !has("resources") {
            let text = "resource rules must supply at least one resource";
            errors.push(FieldError::required(path.child("resources"), text));
        }
        errors
    }
}
