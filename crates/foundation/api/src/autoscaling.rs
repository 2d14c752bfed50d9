//! Kinds of the group `autoscaling`.

mod horizontal_pod_autoscaler;

use crate::rules::Rules;

/// The rules of a kind, by its version and plural.
pub(crate) fn rules(version: &str, plural: &str) -> Option<&'static dyn Rules> {
    let rules: &'static dyn Rules = match (version, plural) {
        ("v1", "horizontalpodautoscalers") => &horizontal_pod_autoscaler::v1::V1,
        ("v2", "horizontalpodautoscalers") => &horizontal_pod_autoscaler::HorizontalPodAutoscaler,
        _ => return None,
    };
    Some(rules)
}
