//! Label selectors of typed objects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use styr_meta::labels::Selector;

pub(crate) type Labels = BTreeMap<String, String>;

/// Reads a selector. One that the API server would have refused selects nothing.
pub(crate) fn of(selector: &LabelSelector) -> Selector {
    let tree = serde_json::to_value(selector).expect("maps with string keys");
    Selector::from_value(&tree).unwrap_or_else(|_| Selector::nothing())
}

/// Selects what has all these labels; an empty map selects nothing.
pub(crate) fn of_map(labels: Option<&Labels>) -> Selector {
    let Some(labels) = labels.filter(|labels| !labels.is_empty()) else {
        return Selector::nothing();
    };
    of(&LabelSelector {
        match_labels: Some(labels.clone()),
        match_expressions: None,
    })
}

/// Whether the labels of an object match.
pub(crate) fn matches(selector: &Selector, labels: Option<&Labels>) -> bool {
    selector.matches_with(|key| labels?.get(key).map(String::as_str))
}
