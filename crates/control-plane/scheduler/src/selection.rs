//! Selectors of nodes and labels, and tolerations.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use styr_meta::labels::Selector;

pub(crate) type Labels = BTreeMap<String, String>;

/// Reads a label selector. One that the API server would have refused selects nothing.
pub(crate) fn labels(selector: &LabelSelector) -> Selector {
    let tree = serde_json::to_value(selector).expect("maps with string keys");
    Selector::from_value(&tree).unwrap_or_else(|_| Selector::nothing())
}

/// Whether labels match a selector.
pub(crate) fn matches(selector: &Selector, labels: Option<&Labels>) -> bool {
    selector.matches_with(|key| labels?.get(key).map(String::as_str))
}

/// Whether one of the terms selects the node with this name and these labels.
pub(crate) fn selects(selector: &NodeSelector, node: (&str, &Labels)) -> bool {
    let mut terms = selector.node_selector_terms.iter();
    terms.any(|term| term_selects(term, node))
}

/// Whether a term selects the node; an empty one selects nothing.
pub(crate) fn term_selects(term: &NodeSelectorTerm, (name, labels): (&str, &Labels)) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let field = |key: &str| (key == "metadata.name").then_some(name);
    expressions
        .iter()
        .all(|r| meets(r, labels.get(&r.key).map(String::as_str)))
        && fields.iter().all(|r| meets(r, field(&r.key)))
}

fn meets(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let is_in = || value.is_some_and(|value| values.iter().any(|known| known == value));
    let numbers = || {
        let bound = values.first()?.parse::<i64>().ok()?;
        Some((value?.parse::<i64>().ok()?, bound))
    };
    match requirement.operator.as_str() {
        "In" => is_in(),
        "NotIn" => !is_in(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => numbers().is_some_and(|(value, bound)| value > bound),
        "Lt" => numbers().is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

/// Whether a toleration covers a taint.
pub(crate) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let is_blank = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
    if !is_blank(&toleration.effect) && toleration.effect.as_deref() != Some(&taint.effect) {
        return false;
    }
    if !is_blank(&toleration.key) && toleration.key.as_deref() != Some(&taint.key) {
        return false;
    }
    match toleration.operator.as_deref().unwrap_or_default() {
        "" | "Equal" => {
            toleration.value.as_deref().unwrap_or_default()
                == taint.value.as_deref().unwrap_or_default()
        }
        "Exists" => true,
        _ => false,
    }
}

/// Whether one of the tolerations covers a taint.
pub(crate) fn is_tolerated(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations
        .iter()
        .any(|toleration| tolerates(toleration, taint))
}

#[cfg(test)]
mod tests;
