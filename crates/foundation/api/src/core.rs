//! Kinds of the core group.

mod config_map;
mod endpoints;
mod event;
mod limit_range;
mod namespace;
mod node;
mod persistent_volume;
pub(crate) mod persistent_volume_claim;
mod pod;
pub(crate) mod pod_template;
mod replication_controller;
mod resource_quota;
mod secret;
mod service;
mod service_account;
mod template_only;
mod volume_claim;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    let rules: &'static dyn Rules = match plural {
        "configmaps" => &config_map::ConfigMap,
        "endpoints" => &endpoints::Endpoints,
        "events" => &event::Event,
        "events.events.k8s.io" => &event::NewEvent,
        "limitranges" => &limit_range::LimitRange,
        "namespaces" => &namespace::Namespace,
        "nodes" => &node::Node,
        "persistentvolumeclaims" => &persistent_volume_claim::PersistentVolumeClaim,
        "persistentvolumes" => &persistent_volume::PersistentVolume,
        "pods" => &pod::Pod,
        "podtemplates" => &template_only::PodTemplate,
        "replicationcontrollers" => &replication_controller::ReplicationController,
        "resourcequotas" => &resource_quota::ResourceQuota,
        "secrets" => &secret::Secret,
        "serviceaccounts" => &service_account::ServiceAccount,
        "services" => &service::Service,
        _ => return None,
    };
    Some(rules)
}
