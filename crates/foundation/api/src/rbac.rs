//! Kinds of the group `rbac.authorization.k8s.io`.

mod binding;
mod role;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    let rules: &'static dyn Rules = match plural {
        "clusterrolebindings" => &binding::Binding { namespaced: false },
        "rolebindings" => &binding::Binding { namespaced: true },
        "clusterroles" => &role::Role { namespaced: false },
        "roles" => &role::Role { namespaced: true },
        _ => return None,
    };
    Some(rules)
}
