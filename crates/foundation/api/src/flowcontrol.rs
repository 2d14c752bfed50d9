//! Kinds of the group `flowcontrol.apiserver.k8s.io`.

mod flow_schema;
mod priority_level_configuration;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    let rules: &'static dyn Rules = match plural {
        "flowschemas" => &flow_schema::FlowSchema,
        "prioritylevelconfigurations" => &priority_level_configuration::PriorityLevelConfiguration,
        _ => return None,
    };
    Some(rules)
}
